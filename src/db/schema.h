/* SPDX-License-Identifier: MIT
 *
 * Checks whether the database has exactly the migrations and functions of this svcd: once it is available,
 * and every 30 s after that; and whether it would hide rows from svcd. Logs the result when it changes;
 * `svcd migrate --check` and `svcd check --db` say more. Loop thread only.
 */
#ifndef DB_SCHEMA_H
#define DB_SCHEMA_H

#include "db/pool.h"

#define SCHEMA_TOLD_LEN 512

struct schema_look {
    struct pool *pool;
    uv_timer_t timer;
    struct query query, hidden_query;
    bool is_under_way, is_hidden_under_way;
    bool is_to_announce;
    unsigned ticks;                                          /* of the timer since schema_look_announce() */
    char missing[SCHEMA_TOLD_LEN], unknown[SCHEMA_TOLD_LEN]; /* names, as last logged */
    char hidden[SCHEMA_TOLD_LEN];                            /* likewise */
};

/* What helps where row-level security hides rows from svcd. */
#define SCHEMA_HIDDEN_ADVICE                                                                                 \
    "ALTER TABLE ... DISABLE ROW LEVEL SECURITY, or CREATE POLICY svcd ON ... TO (svcd's role) USING (true)"

/* `look` and `pool` must live until the loop has run empty. Returns 0 or a UV_E* code. */
int schema_look_start(struct schema_look *look, uv_loop_t *loop, struct pool *pool);
/* The database is available: that is logged together with the result of the next check. */
void schema_look_announce(struct schema_look *look);
/* To be called before the pool stops. */
void schema_look_stop(struct schema_look *look);

#endif
