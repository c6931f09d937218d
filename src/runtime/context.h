/* SPDX-License-Identifier: MIT
 *
 * What every call can reach: the shared parts of the daemon, wired together once by main. Loop thread only.
 */
#ifndef RUNTIME_CONTEXT_H
#define RUNTIME_CONTEXT_H

#include <stdbool.h>

struct pool;
struct hash_pool;
struct config;

struct context {
    const struct config *config;
    struct pool *pool;
    struct hash_pool *hash_pool;
    bool draining; /* told to stop: health says NOT_SERVING, calls are still answered */
};

#endif
