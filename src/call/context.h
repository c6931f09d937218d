/* SPDX-License-Identifier: MIT
 *
 * What every call can reach: the shared parts of the daemon, wired together once by main. Loop thread only.
 */
#ifndef CALL_CONTEXT_H
#define CALL_CONTEXT_H

#include <stdbool.h>

struct uv_loop_s;
struct pool;
struct hash_pool;
struct throttle;
struct acceptor;
struct config;

struct context {
    const struct config *config;
    struct uv_loop_s *loop;
    struct pool *pool;
    struct hash_pool *hash_pool;
    struct throttle *throttle;
    struct acceptor *acceptor; /* NULL until it listens */
    bool draining;             /* told to stop: health says NOT_SERVING, calls are still answered */
};

#endif
