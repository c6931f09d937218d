/* SPDX-License-Identifier: MIT
 *
 * Who may try a password now: token buckets by e-mail address and by client address, in memory of a fixed
 * size.
 *
 * An attempt pays when it is admitted and gets its tokens back if it succeeds; so what is limited are
 * failures, and those that run at once. It is charged to
 *
 *   - known, the bucket of this client at this e-mail, which nobody else can empty, if it logged in there
 *     before; or else to both
 *   - address, the bucket of the client, whatever the e-mail, and
 *   - email, the bucket of the e-mail, whoever asks, or, once that is empty, stranger, a small one of this
 *     client at this e-mail.
 *
 * So an attacker who empties an e-mail's bucket shuts out neither its owner where the owner has been before,
 * nor any client that keeps below its own limit. Entries are found by keyed hashes; where a table is full,
 * those go first that owe least.
 *
 * Plain data, no clock: now_us is any monotonic time in microseconds. Not thread-safe.
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

/* What an admitted attempt was charged to. Zeroed: nothing. */
struct throttle_ticket {
    uint64_t keys[THROTTLE_TABLES];
    bool is_charged[THROTTLE_TABLES];
    bool has_email, has_client;
};

/* UV_ENOMEM. */
int throttle_create(struct throttle **throttle, const struct config *config);
void throttle_destroy(struct throttle *throttle); /* NULL is fine */

/* Other limits, and tables of another size, in two steps. First what may fail, UV_ENOMEM: then all is as
 * before. */
int throttle_prepare(struct throttle *throttle, int n_entries);
/* Then who owes how much stays, and who is known. In smaller tables those go that would have gone had there
 * been no more room from the start: who owes least, or logged in longest ago; */
void throttle_take(struct throttle *throttle, const struct config *config);
/* or what was prepared is given up. */
void throttle_forgo(struct throttle *throttle);
/* After throttle_take(), again and again until it is true: entries move, so many sets of eight in each table,
 * a few million a second. Those that are asked for meanwhile have moved already. */
bool throttle_move(struct throttle *throttle, size_t n_sets);

/* Whether an attempt may be made now: 0, and ticket says what it was charged to; or the milliseconds after
 * which to try again. email NULL: only the client counts (a registration). client NULL: unknown, only the
 * e-mail counts; IPv6 clients are told apart by their /64. An attempt that fails needs no further call. */
int throttle_admit(struct throttle *throttle, int64_t now_us, const char *email, const struct ip *client,
                   struct throttle_ticket *ticket);

/* A number for the admitted client, the same for all of a site; 0: unknown. */
uint64_t throttle_client(const struct throttle_ticket *ticket);

/* The attempt succeeded: its tokens come back, and the client is known at this e-mail from now on. */
void throttle_succeeded(struct throttle *throttle, int64_t now_us, const struct throttle_ticket *ticket);

/* No password was looked at (queue full, database away, cancelled before): its tokens come back. Never call
 * it once a hash has begun: whoever hangs up before a failure is answered would guess for free. */
void throttle_untried(struct throttle *throttle, const struct throttle_ticket *ticket);

struct throttle_stats {
    uint64_t n_admitted, n_refused;
    uint64_t n_charged[THROTTLE_TABLES];
};

const struct throttle_stats *throttle_stats(const struct throttle *throttle);

/* Of each table. */
uint64_t throttle_entries(const struct throttle *throttle);

/* Bytes that it holds; more only while entries move. */
size_t throttle_memory_len(const struct throttle *throttle);

#endif
