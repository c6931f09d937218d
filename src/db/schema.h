/* SPDX-License-Identifier: MIT
 *
 * Whether the database that is served from has this svcd's migrations and functions, and no newer ones:
 * looked at when it is there and now and then, and told in the log when that changes. `svcd migrate --check`
 * says more. Loop thread only.
 */
#ifndef DB_SCHEMA_H
#define DB_SCHEMA_H

#include "db/pool.h"

#define SCHEMA_TOLD_LEN 512

struct schema_look {
    struct pool *pool;
    uv_timer_t timer;
    struct query query;
    bool is_under_way;
    bool is_to_announce;
    unsigned ticks;                                          /* since it is to */
    char missing[SCHEMA_TOLD_LEN], unknown[SCHEMA_TOLD_LEN]; /* names, as last told */
};

/* Both must live until the loop has run empty. Returns 0 or a UV_E* code. */
int schema_look_start(struct schema_look *look, uv_loop_t *loop, struct pool *pool);
/* The database is available, which is logged once it has been looked at. */
void schema_look_announce(struct schema_look *look);
/* Before the pool stops. */
void schema_look_stop(struct schema_look *look);

#endif
