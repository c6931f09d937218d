/* SPDX-License-Identifier: MIT */
#include "db/server_ask.h"

#include <libpq-fe.h>

#include "base/container_of.h"
#include "db/result.h"

#define SILENT_NS UINT64_C(2000000000)

static void on_state(struct query *query, const struct query_outcome *outcome)
{
    struct server_ask *ask = container_of(query, struct server_ask, query);
    ask->is_under_way = false;
    ask->is_known = outcome->end == QUERY_DONE && outcome->rows_n == 1;
    if (ask->is_known) {
        position_read_state(&ask->state, result_pg(outcome->result), outcome->first_row, INT32_MAX);
        ask->known_ns = ask->asked_ns;
    }
    ask->on_told(ask);
}

static void on_noted(struct query *query, const struct query_outcome *outcome)
{
    (void)outcome; /* if it failed, the next answer shows that the timeline is still not noted */
    container_of(query, struct server_ask, query)->is_under_way = false;
}

static bool submit(struct server_ask *ask, const char *statement, uint32_t param,
                   void (*on_done)(struct query *, const struct query_outcome *))
{
    ask->asked_ns = uv_hrtime();
    ask->query = (struct query){ .statement = statement_named(statement),
                                 .deadline_ns = UINT64_MAX,
                                 .on_done = on_done };
    value_put_integer(&ask->query.params[0], (int32_t)param);
    ask->is_under_way = pool_submit(ask->pool, &ask->query) == 0;
    return ask->is_under_way;
}

void server_ask(struct server_ask *ask)
{
    if (ask->is_under_way || submit(ask, "server_position", INT32_MAX, on_state))
        return;
    ask->is_known = false;
    ask->on_told(ask);
}

void server_note(struct server_ask *ask, uint32_t timeline)
{
    if (!ask->is_under_way)
        (void)submit(ask, "note_timeline", timeline, on_noted);
}

bool server_is_silent(const struct server_ask *ask, uint64_t now_ns)
{
    return ask->is_under_way && now_ns - ask->asked_ns > SILENT_NS;
}
