/* SPDX-License-Identifier: MIT
 *
 * What every call can reach: the parts of the daemon that calls share, and whether the daemon is draining.
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

/* See call/signal.h; zeroed: no call waits for it. */
struct signal {
    LIST_HEAD(, call) waiting;
};

struct context {
    const struct config *config;
    struct uv_loop_s *loop;
    struct timers *timers; /* NULL: calls have no deadlines, and call_delay() may not be used */
    struct pool *pool;
    struct admission *admission; /* NULL: every call begins at once */
    struct standbys *standbys;   /* NULL: all reads go to the pool */
    struct hash_pool *hash_pool;
    struct throttle *throttle;
    struct access *access; /* NULL: anybody may call anything */
    struct otlp *otlp;     /* NULL: no call is traced */
    /* A peer's call begins. May be NULL. */
    void (*on_begun)(struct call *call);
    /* A peer's call was answered, or its peer has gone; runs before the transport is told. May be NULL. */
    void (*on_answered)(struct call *call, unsigned status, uint64_t took_ns);
    LIST_HEAD(, call) streams;    /* the streams that are not over */
    unsigned streams_n;           /* how many those are */
    bool draining;                /* told to stop: health says NOT_SERVING, calls are still answered */
    struct signal health_changed; /* raised when `draining` or the pool's availability has changed */
};

#endif
