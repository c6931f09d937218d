/* SPDX-License-Identifier: MIT
 *
 * Admission: when there is more to do than the database does, calls wait here, before they are begun, and not
 * in its queues. A lane of the pool carries a bounded number of queries (pool_room); calls of methods that
 * use a lane without room are held back, first come first served, until it has. What is begun then is done
 * about as fast as ever, whatever comes; an edge reads no further from who has many held back (call_transport
 * .held), so what is held is bounded, too.
 *
 * Which lanes a method uses is learned from its calls. Methods that use none (health) are never held, nor are
 * those whose requests hold a secret: their number is bounded by the queue of the hash threads.
 *
 * Knows no calls, only their place in line. Loop thread only.
 */
#ifndef CALL_ADMISSION_H
#define CALL_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "db/statement.h"

struct pool;
struct rpc_method;

/* A place in line, in its owner's memory; zeroed: not in line. */
struct held {
    TAILQ_ENTRY(held) link;
    const struct rpc_method *method;
    const uint8_t *bytes; /* the owner's: the request */
    size_t len;
    enum lane lane; /* in whose line it stands */
    bool is_held;
};
TAILQ_HEAD(held_list, held);

struct admission {
    struct pool *pool;
    uint8_t *lanes_of; /* by method: a bit each */
    struct held_list held[LANES];
    unsigned held_n[LANES];
    uint64_t held_total, refused_total;
    /* It may begin. */
    void (*begin)(struct held *held);
    /* Whether its answer would find somebody who takes it; else it stays where it is. */
    bool (*is_wanted)(const struct held *held);
};

enum admitted { ADMITTED, TO_BE_HELD, TOO_MANY };

/* Of a pool that was started: it asks from then on, before it sends, who may begin. Returns 0 or UV_ENOMEM.
 */
int admission_init(struct admission *admission, struct pool *pool, void (*begin)(struct held *held),
                   bool (*is_wanted)(const struct held *held));
void admission_finish(struct admission *admission);

/* A call of this method sends a query into this lane. */
void admission_learn(struct admission *admission, const struct rpc_method *method, enum lane lane);

/* Whether a call of this method may begin. TOO_MANY: the line is as long as the pool's queue may be. */
enum admitted admission_ask(struct admission *admission, const struct rpc_method *method);

/* The last of its line. `begin` runs later, once, unless it leaves before. */
void admission_hold(struct admission *admission, struct held *held, const struct rpc_method *method);
void admission_leave(struct admission *admission, struct held *held);

/* Whoever may begin does: the pool's before_send, and once it has stopped, when everybody may. */
void admission_let_in(struct admission *admission);

unsigned admission_n(const struct admission *admission);

void admission_tell_metrics(const struct admission *admission);

#endif
