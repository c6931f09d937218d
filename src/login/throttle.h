/* SPDX-License-Identifier: MIT
 *
 * Limits attempts to log in, by token buckets for e-mail addresses and client addresses in tables of a fixed
 * size.
 *
 * An attempt takes its tokens when it is admitted, and gets them back if it succeeds: so failures are
 * limited, and attempts at the same time. They come from
 *
 *   - known: the bucket of this client and this e-mail, which nobody else can empty, if the client has logged
 *     in there before; otherwise from both
 *   - address: the bucket of the client, for all e-mails, and
 *   - email: the bucket of the e-mail, for all clients; or, when that is empty, stranger: a small bucket of
 *     this client and this e-mail.
 *
 * So an attacker who empties an e-mail's bucket does not lock out its owner, if the owner comes from an
 * address known there, nor other clients below their own limit. Entries are found by keyed hashes; when all
 * places for a new entry are taken, the one that misses fewest tokens is replaced.
 *
 * It has no clock: now_us is any monotonic time in microseconds. Not thread-safe.
 */
#ifndef LOGIN_THROTTLE_H
#define LOGIN_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "config/config.h"

enum throttle_table { THROTTLE_KNOWN, THROTTLE_ADDRESS, THROTTLE_EMAIL, THROTTLE_STRANGER, THROTTLE_TABLES };

struct throttle;

/* The buckets that an admitted attempt took tokens from. Zeroed: none. */
struct throttle_ticket {
    uint64_t keys[THROTTLE_TABLES];
    bool is_charged[THROTTLE_TABLES];
    bool has_email, has_client;
};

/* Returns 0 or UV_ENOMEM. */
int throttle_create(struct throttle **throttle, const struct config *config);
void throttle_destroy(struct throttle *throttle); /* accepts NULL */

/* Changes limits and the tables' size in two steps. _prepare does what may fail: UV_ENOMEM, and nothing has
 * changed. */
int throttle_prepare(struct throttle *throttle, int n_entries);
/* Applies it. Tokens and known clients are kept; in smaller tables, the entries that miss fewest tokens, or
 * whose last login is longest ago, are dropped. */
void throttle_take(struct throttle *throttle, const struct config *config);
/* Drops what was prepared instead. */
void throttle_forgo(struct throttle *throttle);
/* To be called after throttle_take() until it returns true: moves n_sets sets of eight entries in each table
 * to their new places (a few million a second). An entry that is used earlier moves at once. */
bool throttle_move(struct throttle *throttle, size_t n_sets);

/* Asks for an attempt. Returns 0: admitted, and *ticket says from which buckets; or the milliseconds to wait.
 * email NULL: only the client counts (a registration). client NULL: it is unknown, and only the e-mail
 * counts. IPv6 clients are told apart by their /64. An attempt that fails needs no further call. */
int throttle_admit(struct throttle *throttle, int64_t now_us, const char *email, const struct ip *client,
                   struct throttle_ticket *ticket);

/* A number for the admitted client, the same for all addresses of an IPv6 /64; 0: unknown. */
uint64_t throttle_client(const struct throttle_ticket *ticket);

/* The attempt succeeded: gives its tokens back, and makes the client known at this e-mail. */
void throttle_succeeded(struct throttle *throttle, int64_t now_us, const struct throttle_ticket *ticket);

/* No password was checked (queue full, database away, cancelled before): gives its tokens back. Never to be
 * called once a hash has begun, or a client that hangs up before the answer could guess for free. */
void throttle_untried(struct throttle *throttle, const struct throttle_ticket *ticket);

struct throttle_stats {
    uint64_t n_admitted, n_refused;
    uint64_t n_charged[THROTTLE_TABLES];
};

const struct throttle_stats *throttle_stats(const struct throttle *throttle);

/* The number of entries that each table has room for. */
uint64_t throttle_entries(const struct throttle *throttle);

/* Bytes of memory in use; includes the old tables while their entries move. */
size_t throttle_memory_len(const struct throttle *throttle);

#endif
