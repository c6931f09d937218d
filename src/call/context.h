/* SPDX-License-Identifier: MIT
 *
 * What every call can reach: the parts of the daemon that calls share, and what the daemon tells its calls.
 * The daemon (or a command, or a test) fills it once, before the first call. Loop thread only.
 */
#ifndef CALL_CONTEXT_H
#define CALL_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct uv_loop_s;
struct timers;
struct admission;
struct pool;
struct standbys;
struct hash_pool;
struct throttle;
struct otlp;
struct config;
struct access;
struct call;

/* See call/signal.h; zeroed: nobody waits. */
struct signal {
    LIST_HEAD(, call) waiting;
};

struct context {
    const struct config *config;
    struct uv_loop_s *loop;
    struct timers *timers; /* NULL: no call has a deadline, nor waits for time */
    struct pool *pool;
    struct admission *admission; /* NULL: every call is begun at once */
    struct standbys *standbys;   /* NULL: all reads go to the pool */
    struct hash_pool *hash_pool;
    struct throttle *throttle;
    struct access *access; /* NULL: anybody may call anything */
    struct otlp *otlp;     /* NULL: no call is traced */
    /* A call of a peer begins; NULL: nobody wants to know. */
    void (*on_begun)(struct call *call);
    /* A call of a peer was answered, or left; before its transport is told. NULL: nobody wants to know. */
    void (*on_answered)(struct call *call, unsigned status, uint64_t took_ns);
    LIST_HEAD(, call) streams;    /* that are not over */
    unsigned streams_n;           /* of them */
    bool draining;                /* told to stop: health says NOT_SERVING, calls are still answered */
    struct signal health_changed; /* raised when `draining` or the pool's availability has */
};

#endif
