/* SPDX-License-Identifier: MIT */
#include "db/position.h"

#include <endian.h>
#include <string.h>

#include "base/container_of.h"
#include "db/result.h"

/* Columns of server_position. */
enum { IN_RECOVERY, TIMELINE, LSN };

static uint64_t number_at(const PGresult *pg, int row, int column)
{
    uint64_t wide = 0;
    uint32_t narrow = 0;
    const char *data = PQgetvalue(pg, row, column);
    if (PQgetlength(pg, row, column) == (int)sizeof wide) {
        memcpy(&wide, data, sizeof wide);
        return be64toh(wide);
    }
    if (PQgetlength(pg, row, column) == (int)sizeof narrow)
        memcpy(&narrow, data, sizeof narrow);
    return be32toh(narrow);
}

static void read_state(struct server_state *state, const PGresult *pg, int row)
{
    state->in_recovery = *PQgetvalue(pg, row, IN_RECOVERY) != 0;
    state->at.timeline = (uint32_t)number_at(pg, row, TIMELINE);
    state->at.lsn = number_at(pg, row, LSN);
}

static void on_done(struct query *query, const struct query_outcome *outcome)
{
    struct position_ask *ask = container_of(query, struct position_ask, query);
    ask->is_under_way = false;
    ask->is_known = outcome->end == QUERY_DONE && outcome->rows_n == 1;
    if (ask->is_known) {
        read_state(&ask->state, result_pg(outcome->result), outcome->first_row);
        ask->state.asked_ns = ask->asked_ns;
    }
    ask->on_told(ask);
}

void position_ask(struct position_ask *ask)
{
    if (ask->is_under_way)
        return;
    ask->asked_ns = uv_hrtime();
    ask->query = (struct query){ .statement = statement_named("server_position"),
                                 .deadline_ns = UINT64_MAX,
                                 .on_done = on_done };
    ask->is_under_way = pool_submit(ask->pool, &ask->query) == 0;
    if (ask->is_under_way)
        return;
    ask->is_known = false;
    ask->on_told(ask);
}
