/* SPDX-License-Identifier: MIT
 *
 * Token buckets in set-associative tables. A bucket is one number, the time at which it will be full again
 * ("paid_at"): every token taken moves it on by the time one token takes to come back (the generic cell rate
 * algorithm).
 */
#include "login/throttle.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/keyed_hash.h"

enum { WAYS = 8 };

#define MINUTE_US  60000000
#define PLACE_BITS 24 /* 2 to this power is more than the sets of the largest table */

struct entry {
    uint64_t key; /* 0: free */
    int64_t paid_at_us;
    uint64_t place : PLACE_BITS; /* low bits of the hash that selects its set, for tables of any size */
    uint64_t used_at_ms : 64 - PLACE_BITS; /* in the table of known clients: the last success */
};

struct sets {
    uint64_t n; /* a power of two */
    struct entry (*items)[WAYS];
};

struct table {
    int64_t interval_us;  /* in which one token comes back; 0: no limit */
    int64_t tolerance_us; /* interval times burst */
    struct sets sets;
    struct sets old;   /* of the former size; its entries are being moved to `sets` */
    struct sets fresh; /* prepared by throttle_prepare() */
    uint64_t n_moved;  /* sets of `old` that have been moved */
};

struct throttle {
    struct keyed_hash hash;
    struct table tables[THROTTLE_TABLES];
    struct throttle_stats stats;
};

static uint64_t sets_for(int n_entries)
{
    uint64_t n = 1;
    while (n * WAYS < (uint64_t)n_entries)
        n *= 2;
    return n;
}

static int sets_init(struct sets *sets, uint64_t n)
{
    *sets = (struct sets){ .n = n, .items = calloc(n, sizeof *sets->items) };
    return sets->items ? 0 : UV_ENOMEM;
}

static void sets_finish(struct sets *sets)
{
    free(sets->items);
    *sets = (struct sets){ 0 };
}

static struct entry *sets_at(const struct sets *sets, uint64_t place)
{
    return sets->items[place & (sets->n - 1)];
}

static bool is_missed_less(const struct entry *entry, const struct entry *other, enum throttle_table which)
{
    return which == THROTTLE_KNOWN ? entry->used_at_ms < other->used_at_ms
                                   : entry->paid_at_us < other->paid_at_us;
}

static struct entry *least_of(struct entry *set, enum throttle_table which)
{
    struct entry *least = set;
    for (int i = 1; i < WAYS; i++)
        if (is_missed_less(&set[i], least, which))
            least = &set[i];
    return least;
}

/* Moves the entries of a set of the old size, which is empty afterwards. If there is no room, the entries
 * that are least worth keeping (is_missed_less()) are dropped. */
static void set_move(struct table *table, enum throttle_table which, struct entry *set)
{
    for (int i = 0; i < WAYS; i++) {
        if (set[i].key == 0)
            continue;
        struct entry *least = least_of(sets_at(&table->sets, set[i].place), which);
        if (is_missed_less(least, &set[i], which))
            *least = set[i];
        set[i] = (struct entry){ 0 };
    }
}

static uint64_t place_of(enum throttle_table which, const struct throttle_ticket *ticket)
{
    return ticket->keys[which == THROTTLE_KNOWN ? THROTTLE_EMAIL : which];
}

/* Known clients are placed by e-mail, so that those of one account are in one set and many of them push out
 * only each other (place_of()). */
static struct entry *table_set(struct throttle *throttle, enum throttle_table which,
                               const struct throttle_ticket *ticket)
{
    struct table *table = &throttle->tables[which];
    uint64_t place = place_of(which, ticket);
    if (table->old.items)
        set_move(table, which, sets_at(&table->old, place));
    return sets_at(&table->sets, place);
}

static struct entry *table_find(struct throttle *throttle, enum throttle_table which,
                                const struct throttle_ticket *ticket)
{
    struct entry *set = table_set(throttle, which, ticket);
    for (int i = 0; i < WAYS; i++)
        if (set[i].key == ticket->keys[which])
            return &set[i];
    return NULL;
}

/* The entry of this key; if there is none, it replaces the one that is least worth keeping. */
static struct entry *table_claim(struct throttle *throttle, enum throttle_table which,
                                 const struct throttle_ticket *ticket)
{
    struct entry *found = table_find(throttle, which, ticket);
    if (found)
        return found;
    struct entry *least = least_of(table_set(throttle, which, ticket), which);
    *least = (struct entry){ .key = ticket->keys[which],
                             .place = place_of(which, ticket) & ((1 << PLACE_BITS) - 1) };
    return least;
}

/* Microseconds until the bucket has a token; 0: it has one. */
static int64_t bucket_wait_us(struct throttle *throttle, enum throttle_table which,
                              const struct throttle_ticket *ticket, int64_t now_us)
{
    const struct table *table = &throttle->tables[which];
    const struct entry *entry = table->interval_us ? table_find(throttle, which, ticket) : NULL;
    if (!entry || entry->paid_at_us <= now_us)
        return 0;
    int64_t wait_us = entry->paid_at_us + table->interval_us - now_us - table->tolerance_us;
    return wait_us > 0 ? wait_us : 0;
}

static void bucket_charge(struct throttle *throttle, enum throttle_table which,
                          struct throttle_ticket *ticket, int64_t now_us)
{
    const struct table *table = &throttle->tables[which];
    if (table->interval_us == 0)
        return;
    struct entry *entry = table_claim(throttle, which, ticket);
    if (entry->paid_at_us < now_us)
        entry->paid_at_us = now_us;
    entry->paid_at_us += table->interval_us;
    ticket->is_charged[which] = true;
    throttle->stats.n_charged[which]++;
}

static uint64_t key_of(const struct throttle *throttle, const void *bytes, size_t len)
{
    uint64_t key = keyed_hash_of(&throttle->hash, bytes, len);
    return key ? key : 1;
}

static void ticket_set(const struct throttle *throttle, struct throttle_ticket *ticket, const char *email,
                       const struct ip *client)
{
    *ticket = (struct throttle_ticket){ .has_email = email != NULL, .has_client = client != NULL };
    struct ip site = { 0 };
    if (client) {
        site = *client;
        ip_keep_site(&site);
    }
    ticket->keys[THROTTLE_ADDRESS] = key_of(throttle, &site, sizeof site);
    if (email)
        ticket->keys[THROTTLE_EMAIL] = key_of(throttle, email, strlen(email));
    const uint64_t pair[2] = { ticket->keys[THROTTLE_EMAIL], ticket->keys[THROTTLE_ADDRESS] };
    ticket->keys[THROTTLE_KNOWN] = ticket->keys[THROTTLE_STRANGER] = key_of(throttle, pair, sizeof pair);
}

/* Charges the ticket, or returns how long to wait. */
static int64_t ticket_charge(struct throttle *throttle, struct throttle_ticket *ticket, int64_t now_us)
{
    if (ticket->has_email && ticket->has_client && table_find(throttle, THROTTLE_KNOWN, ticket) &&
        bucket_wait_us(throttle, THROTTLE_KNOWN, ticket, now_us) == 0) {
        bucket_charge(throttle, THROTTLE_KNOWN, ticket, now_us);
        return 0;
    }

    int64_t wait_us = ticket->has_client ? bucket_wait_us(throttle, THROTTLE_ADDRESS, ticket, now_us) : 0;
    if (wait_us > 0)
        return wait_us;
    enum throttle_table which = THROTTLE_EMAIL;
    if (ticket->has_email) {
        wait_us = bucket_wait_us(throttle, THROTTLE_EMAIL, ticket, now_us);
        if (wait_us > 0) {
            which = THROTTLE_STRANGER;
            int64_t stranger_us = bucket_wait_us(throttle, THROTTLE_STRANGER, ticket, now_us);
            if (stranger_us > 0)
                return stranger_us < wait_us ? stranger_us : wait_us;
        }
        bucket_charge(throttle, which, ticket, now_us);
    }
    if (ticket->has_client)
        bucket_charge(throttle, THROTTLE_ADDRESS, ticket, now_us);
    return 0;
}

int throttle_admit(struct throttle *throttle, int64_t now_us, const char *email, const struct ip *client,
                   struct throttle_ticket *ticket)
{
    ticket_set(throttle, ticket, email, client);
    int64_t wait_us = ticket_charge(throttle, ticket, now_us);
    if (wait_us > 0) {
        throttle->stats.n_refused++;
        return (int)(wait_us / 1000) + 1;
    }
    throttle->stats.n_admitted++;
    return 0;
}

uint64_t throttle_client(const struct throttle_ticket *ticket)
{
    return ticket->has_client ? ticket->keys[THROTTLE_ADDRESS] : 0;
}

void throttle_untried(struct throttle *throttle, const struct throttle_ticket *ticket)
{
    for (int which = 0; which < THROTTLE_TABLES; which++) {
        struct entry *entry =
            ticket->is_charged[which] ? table_find(throttle, (enum throttle_table)which, ticket) : NULL;
        if (entry)
            entry->paid_at_us -= throttle->tables[which].interval_us;
    }
}

void throttle_succeeded(struct throttle *throttle, int64_t now_us, const struct throttle_ticket *ticket)
{
    throttle_untried(throttle, ticket);
    if (ticket->has_email && ticket->has_client)
        table_claim(throttle, THROTTLE_KNOWN, ticket)->used_at_ms =
            (uint64_t)now_us / 1000 & ((UINT64_C(1) << (64 - PLACE_BITS)) - 1);
}

static void set_limits(struct throttle *throttle, const struct config *config)
{
    const struct {
        int per_minute, burst;
    } limits[THROTTLE_TABLES] = {
        [THROTTLE_KNOWN] = { config->throttle.known_per_minute, config->throttle.known_burst },
        [THROTTLE_ADDRESS] = { config->throttle.address_per_minute, config->throttle.address_burst },
        [THROTTLE_EMAIL] = { config->throttle.email_per_minute, config->throttle.email_burst },
        [THROTTLE_STRANGER] = { config->throttle.stranger_per_minute, config->throttle.stranger_burst },
    };
    for (int i = 0; i < THROTTLE_TABLES; i++) {
        struct table *table = &throttle->tables[i];
        table->interval_us = limits[i].per_minute ? MINUTE_US / limits[i].per_minute : 0;
        table->tolerance_us = table->interval_us * limits[i].burst;
    }
}

int throttle_create(struct throttle **created, const struct config *config)
{
    struct throttle *throttle = calloc(1, sizeof *throttle);
    if (!throttle)
        return UV_ENOMEM;
    keyed_hash_init(&throttle->hash);
    int rc = throttle_prepare(throttle, config->throttle.entries);
    if (rc) {
        throttle_destroy(throttle);
        return rc;
    }
    throttle_take(throttle, config);
    *created = throttle;
    return 0;
}

/* ---- another size ---- */

int throttle_prepare(struct throttle *throttle, int n_entries)
{
    uint64_t n = sets_for(n_entries);
    int rc = 0;
    for (int i = 0; i < THROTTLE_TABLES && n != throttle->tables[i].sets.n && !rc; i++)
        rc = sets_init(&throttle->tables[i].fresh, n);
    if (rc)
        throttle_forgo(throttle);
    return rc;
}

void throttle_forgo(struct throttle *throttle)
{
    for (int i = 0; i < THROTTLE_TABLES; i++)
        sets_finish(&throttle->tables[i].fresh);
}

static void table_take(struct table *table)
{
    table->old = table->sets;
    table->sets = table->fresh;
    table->fresh = (struct sets){ 0 };
    table->n_moved = 0;
}

bool throttle_move(struct throttle *throttle, size_t n_sets)
{
    bool is_over = true;
    for (int which = 0; which < THROTTLE_TABLES; which++) {
        struct table *table = &throttle->tables[which];
        for (size_t n = 0; n < n_sets && table->n_moved < table->old.n; n++)
            set_move(table, (enum throttle_table)which, table->old.items[table->n_moved++]);
        if (table->n_moved == table->old.n)
            sets_finish(&table->old);
        is_over &= !table->old.items;
    }
    return is_over;
}

void throttle_take(struct throttle *throttle, const struct config *config)
{
    if (throttle->tables[0].fresh.items) {
        (void)throttle_move(throttle, SIZE_MAX); /* completes an earlier change of size */
        for (int i = 0; i < THROTTLE_TABLES; i++)
            table_take(&throttle->tables[i]);
    }
    set_limits(throttle, config);
}

void throttle_destroy(struct throttle *throttle)
{
    for (int i = 0; throttle && i < THROTTLE_TABLES; i++) {
        sets_finish(&throttle->tables[i].sets);
        sets_finish(&throttle->tables[i].old);
        sets_finish(&throttle->tables[i].fresh);
    }
    free(throttle);
}

const struct throttle_stats *throttle_stats(const struct throttle *throttle)
{
    return &throttle->stats;
}

size_t throttle_memory_len(const struct throttle *throttle)
{
    size_t len = sizeof *throttle;
    for (int i = 0; i < THROTTLE_TABLES; i++)
        len +=
            (throttle->tables[i].sets.n + throttle->tables[i].old.n) * sizeof *throttle->tables[i].sets.items;
    return len;
}

uint64_t throttle_entries(const struct throttle *throttle)
{
    return throttle->tables[0].sets.n * WAYS;
}
