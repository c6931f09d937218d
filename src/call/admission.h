/* SPDX-License-Identifier: MIT
 *
 * Admission control: under overload, calls wait here before they begin, not in the database's queues. A lane
 * of the pool carries a bounded number of queries (pool_room); calls of methods that use a full lane are held
 * back, first come first served, until it has room. So a call that has begun takes about as long under
 * overload as without. An edge stops reading from a client that has many calls held back (call_transport
 * .held), which bounds the number of held calls, too.
 *
 * Which lanes a method uses is learned from its calls. Methods that use none (health) are never held, nor are
 * those whose requests hold a secret: the queue of the hash threads bounds their number.
 *
 * Knows no calls, only their places in line. Loop thread only.
 */
#ifndef CALL_ADMISSION_H
#define CALL_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "db/statement.h"

struct pool;
struct rpc_method;

/* A place in line; part of its owner's memory. Zeroed: not in line. */
struct held {
    TAILQ_ENTRY(held) link;
    const struct rpc_method *method;
    const uint8_t *bytes; /* the encoded request; the owner's memory */
    size_t len;
    enum lane lane; /* whose line it is in */
    bool is_held;
};
TAILQ_HEAD(held_list, held);

struct admission {
    struct pool *pool;
    uint8_t *lanes_of; /* by method: the lanes it uses, one bit each */
    struct held_list held[LANES];
    unsigned held_n[LANES];
    uint64_t held_total, refused_total;
    /* Begins a held call. */
    void (*begin)(struct held *held);
    /* Whether the peer would take the answer now; if not, the call stays in line. */
    bool (*is_wanted)(const struct held *held);
};

enum admitted { ADMITTED, TO_BE_HELD, TOO_MANY };

/* `pool` must have been started; from now on it calls admission_let_in() before it sends. Returns 0 or
 * UV_ENOMEM. */
int admission_init(struct admission *admission, struct pool *pool, void (*begin)(struct held *held),
                   bool (*is_wanted)(const struct held *held));
void admission_finish(struct admission *admission);

/* Notes that calls of this method use this lane. */
void admission_learn(struct admission *admission, const struct rpc_method *method, enum lane lane);

/* Whether a call of this method may begin. TOO_MANY: the line has reached the limit of the pool's queue
 * (database.queue_limit). */
enum admitted admission_ask(struct admission *admission, const struct rpc_method *method);

/* Puts a place at the end of its line. `begin` runs later, once, unless admission_leave() comes first. */
void admission_hold(struct admission *admission, struct held *held, const struct rpc_method *method);
void admission_leave(struct admission *admission, struct held *held);

/* Begins the held calls that have room. Runs as the pool's before_send; to be called once more after the pool
 * has stopped, when every held call begins (and fails). */
void admission_let_in(struct admission *admission);

void admission_tell_metrics(const struct admission *admission);

#endif
