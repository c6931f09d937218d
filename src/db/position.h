/* SPDX-License-Identifier: MIT
 *
 * How far a server is: a place in the log that all servers of a replicated database write or replay. Asks one
 * through a pool. Loop thread only.
 */
#ifndef DB_POSITION_H
#define DB_POSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "db/pool.h"

struct position {
    uint32_t timeline; /* rises with each promotion; 0: unknown */
    uint64_t lsn;
};

struct server_state {
    bool in_recovery; /* a standby */
    struct position at;
    uint64_t asked_ns; /* uv_hrtime(): it was so then, or later */
};

/* One question at a time to the server that a pool leads to, over its control connection. */
struct position_ask {
    struct pool *pool;
    void (*on_told)(struct position_ask *ask); /* there is an answer, or none: then is_known is false */
    void *data;
    struct query query;
    bool is_under_way, is_known;
    uint64_t asked_ns;
    struct server_state state; /* as last told */
};

/* Asks, unless it has and waits; on_told runs on a later turn, or at once if there is no connection. */
void position_ask(struct position_ask *ask);

#endif
