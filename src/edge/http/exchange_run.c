/* SPDX-License-Identifier: MIT
 *
 * The larger part of an exchange, struct exchange_run. If much is buffered, an exchange gives it away while
 * it waits for more of its request (exchange_park), and gets one again when that comes or is not waited for
 * any longer (exchange_unpark). So requests that are begun and not sent on use a third of what calls use.
 */
#include "edge/http/exchange.h"

#include <stdlib.h>

#include "call/entry.h"

#define RUNS_MAX   256  /* kept for reuse */
#define KEPT_MAX   2048 /* bytes of a buffer that is kept for reuse; a larger one is freed */
#define PARK_SHARE 16   /* exchanges park from this part of server.max_buffered_bytes on */

bool exchange_take_run(struct exchange *exchange)
{
    struct http_edge *edge = exchange->edge;
    struct exchange_run *run = SLIST_FIRST(&edge->runs);
    if (run) {
        SLIST_REMOVE_HEAD(&edge->runs, link);
        edge->runs_n--;
    } else {
        run = calloc(1, sizeof *run);
        if (!run)
            return false;
        run->call.transport = &exchange_transport;
        run->call.context = edge->context;
    }
    run->exchange = exchange;
    exchange->run = run;
    return true;
}

void exchange_run_destroy(struct exchange_run *run)
{
    if (!run)
        return;
    bytes_finish(&run->body);
    call_finish(&run->call);
    free(run);
}

void exchange_trim(struct bytes *bytes)
{
    if (bytes->size > KEPT_MAX)
        bytes_finish(bytes);
    bytes->len = 0;
}

void exchange_run_reset(struct exchange_run *run)
{
    exchange_trim(&run->body);
    run->head.n = run->trailers.n = 0;
    call_forgo(&run->call);
    run->call.method = NULL;
}

static void give_away(struct exchange *exchange)
{
    struct http_edge *edge = exchange->edge;
    struct exchange_run *run = exchange->run;
    exchange_run_reset(run);
    exchange->run = NULL;
    if (edge->runs_n >= RUNS_MAX) {
        exchange_run_destroy(run);
        return;
    }
    SLIST_INSERT_HEAD(&edge->runs, run, link);
    edge->runs_n++;
}

void exchange_park(struct exchange *exchange)
{
    const struct http_edge *edge = exchange->edge;
    struct exchange_run *run = exchange->run;
    if (edge->buffered < edge->limits.max_buffered_bytes / PARK_SHARE || exchange->is_called ||
        exchange->has_head || run->head.n)
        return;
    exchange->parked = (struct parked_call){ .method = run->call.method,
                                             .deadline_ns = run->call.deadline_ns,
                                             .caller = run->call.caller,
                                             .judged = run->call.judged };
    give_away(exchange);
    exchange_recharge(exchange);
}

bool exchange_unpark(struct exchange *exchange)
{
    if (!exchange_take_run(exchange)) {
        connection_end(exchange->connection, REASON_MEMORY, NULL);
        return false;
    }
    const struct parked_call *parked = &exchange->parked;
    struct call *call = &exchange->run->call;
    call->method = parked->method;
    call->deadline_ns = parked->deadline_ns;
    call->caller = parked->caller;
    call->judged = parked->judged;
    exchange_recharge(exchange);
    return true;
}

void exchange_runs_free(struct http_edge *edge)
{
    struct exchange_run *run;
    while ((run = SLIST_FIRST(&edge->runs))) {
        SLIST_REMOVE_HEAD(&edge->runs, link);
        exchange_run_destroy(run);
    }
    edge->runs_n = 0;
}
