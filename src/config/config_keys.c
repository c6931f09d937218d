/* SPDX-License-Identifier: MIT
 *
 * The table of configuration keys. A new key is a row here, a member of struct config and a line in
 * etc/svcd.conf; a test holds the three together.
 */
#include "config/config_keys.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "config/config.h"

static const struct config_type type_int, type_choice, type_text, type_port, type_listen, type_networks,
    type_schedule;

static const char *const scheme_names[] = {
    [PASSWORD_ARGON2ID] = "argon2id", [PASSWORD_BCRYPT] = "bcrypt", NULL
};
static const char *const level_names[] = { [LOG_LEVEL_ERROR] = "error",
                                           [LOG_LEVEL_WARN] = "warn",
                                           [LOG_LEVEL_INFO] = "info",
                                           [LOG_LEVEL_DEBUG] = "debug",
                                           NULL };

static const char *const no_yes[] = { "no", "yes", NULL };

/* The offset of a member, if it is of the type the row says: anything else does not compile. */
#define MEMBER(ctype, s, n) _Generic(&((struct config *)0)->s.n, ctype * : offsetof(struct config, s.n))

#define KEY(s, n, kind, ctype, standard, ...)                                                                \
    {                                                                                                        \
        .section = #s, .name = #n, .type = &type_##kind, .offset = MEMBER(ctype, s, n),                      \
        .fallback = standard, __VA_ARGS__                                                                    \
    }
#define INT(s, n, standard, lowest, highest, units, text)                                                    \
    KEY(s, n, int, int, #standard, .min = lowest, .max = highest, .unit = units, .doc = text)
#define CHOICE(s, n, ctype, names, standard, text)                                                           \
    KEY(s, n, choice, ctype, standard, .choices = names, .doc = text)
#define DATABASE(n, kind, variable, text)                                                                    \
    KEY(database, n, kind, char *, "", .environment = variable, .doc = text)

#define DAY_MS 86400000

/* clang-format off */
const struct config_key config_keys[] = {
    KEY(server, listen, listen, struct address_list, "127.0.0.1:50051", .doc = "addresses to serve on, separated by commas"),
    INT(server, max_connections, 10000, 1, 1000000, "connections", "open at once; more wait until one closes"),
    INT(server, max_connections_per_address, 0, 0, 1000000, "connections", "from one address; 0 = no limit"),
    INT(server, max_message_bytes, 262144, 1024, 67108864, "bytes", "longest request; a longer one is RESOURCE_EXHAUSTED"),
    INT(server, max_concurrent_streams, 1024, 1, 100000, "calls", "running at once on one connection"),
    INT(server, idle_timeout_ms, 300000, 0, DAY_MS, "milliseconds", "a connection without calls is closed; 0 = never"),

    DATABASE(name, text, "POSTGRES_DATABASE", "database to connect to; empty = libpq's default"),
    DATABASE(user, text, "POSTGRES_USER", "role to connect as; empty = libpq's default"),
    DATABASE(password, text, "POSTGRES_PASSWORD", "its password; empty = libpq's default"),
    DATABASE(host, text, "POSTGRES_HOST", "host, or folder of a unix socket; empty = libpq's default"),
    DATABASE(port, port, "POSTGRES_PORT", "port; empty = libpq's default"),
    INT(database, read_connections, 2, 1, 64, "connections", "for statements that only read"),
    INT(database, insert_connections, 2, 1, 64, "connections", "for short writes that share transactions"),
    INT(database, write_connections, 4, 1, 64, "connections", "for writes that lock, a transaction each"),
    INT(database, queue_limit, 10000, 1, 1000000, "statements", "waiting; more calls are RESOURCE_EXHAUSTED"),
    INT(database, statement_timeout_ms, 10000, 0, DAY_MS, "milliseconds", "the server ends a slower statement; 0 = never"),
    INT(database, connect_timeout_ms, 5000, 100, 600000, "milliseconds", "to connect and prepare all statements"),
    INT(database, reconnect_min_ms, 50, 1, 60000, "milliseconds", "first pause before connecting again"),
    INT(database, reconnect_max_ms, 500, 1, 600000, "milliseconds", "longest pause before connecting again"),

    CHOICE(password, scheme, enum password_scheme, scheme_names, "argon2id", "of new hashes"),
    INT(password, argon2_memory_kib, 19456, 19456, 262144, "KiB", "memory of an argon2id hash"),
    INT(password, argon2_passes, 2, 2, 16, "passes", "over that memory"),
    INT(password, bcrypt_cost, 12, 10, 14, "doublings", "cost of a bcrypt hash"),
    INT(password, workers, 1, 1, 64, "threads", "that hash"),
    INT(password, queue_limit, 256, 1, 100000, "hashes", "waiting; more logins are RESOURCE_EXHAUSTED"),
    INT(password, failure_floor_ms, 500, 0, 10000, "milliseconds", "no failed login is answered sooner than this after its hash began; 0 = at once"),

    INT(throttle, email_per_minute, 6, 0, 60000, "failures", "of one e-mail address, from wherever; 0 = no limit"),
    INT(throttle, email_burst, 10, 1, 10000, "failures", "of one e-mail address before email_per_minute binds"),
    INT(throttle, address_per_minute, 60, 0, 60000, "failures", "of one client address, whatever the e-mail; 0 = no limit"),
    INT(throttle, address_burst, 100, 1, 10000, "failures", "of one client address before address_per_minute binds"),
    INT(throttle, stranger_per_minute, 1, 1, 60000, "failures", "of one client at an e-mail address whose allowance is used up"),
    INT(throttle, stranger_burst, 3, 1, 10000, "failures", "of such a client before stranger_per_minute binds"),
    INT(throttle, known_per_minute, 6, 1, 60000, "failures", "of a client at an e-mail address it logged in as before"),
    INT(throttle, known_burst, 100, 1, 10000, "failures", "of such a client before known_per_minute binds"),
    INT(throttle, entries, 65536, 1024, 16777216, "entries", "remembered in each table; 96 bytes of memory each in all"),
    KEY(throttle, trusted_proxies, networks, struct network_list, "", .doc = "networks whose x-forwarded-for is believed, separated by commas"),

    KEY(jobs, update_models, schedule, struct cron, "*/30 * * * *", .doc = "when new ratings become models"),
    CHOICE(jobs, update_models_enabled, int, no_yes, "yes", "whether this svcd does that"),
    KEY(jobs, suggest_workshops, schedule, struct cron, "0 0 * * 0", .doc = "when mentors hear of skills that many want"),
    CHOICE(jobs, suggest_workshops_enabled, int, no_yes, "yes", "whether this svcd does that"),

    INT(drain, lame_ms, 1000, 0, 600000, "milliseconds", "served on after health turned NOT_SERVING"),
    INT(drain, timeout_ms, 10000, 0, 600000, "milliseconds", "running calls may take after that"),

    CHOICE(log, level, enum log_level, level_names, "info", "least grave level that is logged"),
};
/* clang-format on */
const size_t config_n_keys = sizeof config_keys / sizeof config_keys[0];
_Static_assert(sizeof config_keys / sizeof config_keys[0] <= CONFIG_KEYS_MAX, "raise CONFIG_KEYS_MAX");

static int parse_number(const char *value, int min, int max, int *number)
{
    size_t digits = strspn(value, "0123456789");
    if (digits == 0 || value[digits] || digits > 9)
        return UV_EINVAL;
    int parsed = atoi(value);
    if (parsed < min || parsed > max)
        return UV_EINVAL;
    *number = parsed;
    return 0;
}

static int int_parse(const struct config_key *key, const char *value, void *member)
{
    return parse_number(value, key->min, key->max, member);
}

static void int_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    snprintf(text, CONFIG_EXPECTED_LEN, "a whole number of %s from %d to %d", key->unit, key->min, key->max);
}

static int choice_parse(const struct config_key *key, const char *value, void *member)
{
    for (int i = 0; key->choices[i]; i++) {
        if (strcmp(key->choices[i], value) == 0) {
            *(int *)member = i;
            return 0;
        }
    }
    return UV_EINVAL;
}

static void choice_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    size_t len = 0;
    for (int i = 0; key->choices[i] && len < CONFIG_EXPECTED_LEN; i++) {
        const char *glue = i == 0 ? "" : key->choices[i + 1] ? ", " : " or ";
        len += (size_t)snprintf(text + len, CONFIG_EXPECTED_LEN - len, "%s%s", glue, key->choices[i]);
    }
}

static void text_finish(void *member)
{
    char **text = member;
    if (*text)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

static int text_parse(const struct config_key *key, const char *value, void *member)
{
    (void)key;
    char *copy = strdup(value);
    if (!copy)
        return UV_ENOMEM;
    text_finish(member);
    *(char **)member = copy;
    return 0;
}

static int port_parse(const struct config_key *key, const char *value, void *member)
{
    int port;
    if (*value && parse_number(value, 1, 65535, &port) < 0)
        return UV_EINVAL;
    return text_parse(key, value, member);
}

static void port_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(text, CONFIG_EXPECTED_LEN, "a port from 1 to 65535, or nothing for libpq's default");
}

/* Calls add with each part of a comma separated list, spaces around it removed; empty parts are an error. */
static int split_list(const char *value, int (*add)(void *list, const char *part), void *list)
{
    for (;;) {
        char part[300];
        value += strspn(value, " \t");
        size_t len = strcspn(value, ",");
        const char *rest = value + len;
        while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
            len--;
        if (len == 0 || len >= sizeof part)
            return UV_EINVAL;
        memcpy(part, value, len);
        part[len] = '\0';
        int rc = add(list, part);
        if (rc < 0 || !*rest)
            return rc;
        value = rest + 1;
    }
}

static int listen_add(void *list, const char *part)
{
    return address_list_add(list, part);
}

static int listen_parse(const struct config_key *key, const char *value, void *member)
{
    (void)key;
    struct address_list list = { .n = 0 };
    int rc = split_list(value, listen_add, &list);
    if (rc == 0)
        *(struct address_list *)member = list;
    return rc;
}

static void listen_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(
        text, CONFIG_EXPECTED_LEN,
        "ADDRESS:PORT, separated by commas, at most %d (127.0.0.1:50051, [::1]:50051; port 0: any free one)",
        ADDRESS_LIST_MAX);
}

static int networks_add(void *member, const char *part)
{
    struct network_list *list = member;
    if (list->n == ADDRESS_LIST_MAX)
        return UV_ENOBUFS;
    return network_parse(&list->items[list->n++], part);
}

static int networks_parse(const struct config_key *key, const char *value, void *member)
{
    (void)key;
    struct network_list list = { .n = 0 };
    int rc = *value ? split_list(value, networks_add, &list) : 0;
    if (rc == 0)
        *(struct network_list *)member = list;
    return rc;
}

static void networks_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(text, CONFIG_EXPECTED_LEN,
             "ADDRESS or ADDRESS/BITS, separated by commas, at most %d (10.0.0.0/8, 2001:db8::1; no bits set "
             "after BITS), or nothing",
             ADDRESS_LIST_MAX);
}

static int schedule_parse(const struct config_key *key, const char *value, void *member)
{
    (void)key;
    return cron_parse(member, value);
}

static void schedule_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(text, CONFIG_EXPECTED_LEN,
             "minute hour day month weekday, in UTC, of *, numbers, A-B, /STEP and commas (0 0 * * 0: "
             "Sundays at 00:00)");
}

static const struct config_type type_int = { int_parse, int_expect, NULL };
static const struct config_type type_choice = { choice_parse, choice_expect, NULL };
static const struct config_type type_text = { text_parse, NULL, text_finish };
static const struct config_type type_port = { port_parse, port_expect, text_finish };
static const struct config_type type_listen = { listen_parse, listen_expect, NULL };
static const struct config_type type_networks = { networks_parse, networks_expect, NULL };
static const struct config_type type_schedule = { schedule_parse, schedule_expect, NULL };

const struct config_key *config_key_find(const char *section, const char *name)
{
    for (size_t i = 0; i < config_n_keys; i++)
        if (strcmp(config_keys[i].section, section) == 0 && strcmp(config_keys[i].name, name) == 0)
            return &config_keys[i];
    return NULL;
}

/* Levenshtein's distance; names longer than fit are far from everything. */
static int edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 64 };
    int row[LONGEST + 1];
    int n = (int)strnlen(b, LONGEST + 1);
    if (n > LONGEST || strnlen(a, LONGEST + 1) > LONGEST)
        return LONGEST;
    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int substituted = diagonal + (a[i - 1] != b[j - 1]);
            int nearest = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = substituted < nearest ? substituted : nearest;
        }
    }
    return row[n];
}

const struct config_key *config_key_nearest(const char *section, const char *name)
{
    const struct config_key *nearest = NULL;
    int least = 4;
    for (size_t i = 0; i < config_n_keys; i++) {
        const struct config_key *key = &config_keys[i];
        int distance = edit_distance(name, key->name) + (strcmp(section, key->section) != 0);
        if (distance < least) {
            least = distance;
            nearest = key;
        }
    }
    return nearest;
}
