/* SPDX-License-Identifier: MIT */
#include "call/admission.h"

#include <stdlib.h>
#include <uv.h>

#include "call/method.h"
#include "call/request.h"
#include "db/pool.h"
#include "observe/metrics.h"

static bool is_known(const struct rpc_method *method)
{
    return method >= rpc_methods && method < rpc_methods + rpc_methods_n;
}

void admission_learn(struct admission *admission, const struct rpc_method *method, enum lane lane)
{
    if (is_known(method))
        admission->lanes_of[method - rpc_methods] |= (uint8_t)(1U << lane);
}

/* The first full lane that a method uses; LANES: none. A lane counts as full, too, where other calls wait in
 * its line, unless even_behind_others. */
static enum lane full_lane(const struct admission *admission, const struct rpc_method *method,
                           bool even_behind_others)
{
    unsigned lanes = admission->lanes_of[method - rpc_methods];
    for (enum lane lane = 0; lanes >> lane; lane++)
        if (lanes >> lane & 1 && (pool_room(admission->pool, lane) <= 0 ||
                                  (!even_behind_others && !TAILQ_EMPTY(&admission->held[lane]))))
            return lane;
    return LANES;
}

enum admitted admission_ask(struct admission *admission, const struct rpc_method *method)
{
    if (!is_known(method) || method->kind != METHOD_UNARY || !admission->lanes_of[method - rpc_methods] ||
        request_has_secret(method))
        return ADMITTED;
    enum lane lane = full_lane(admission, method, false);
    if (lane == LANES)
        return ADMITTED;
    if (admission->held_n[lane] < admission->pool->options.queue_max)
        return TO_BE_HELD;
    admission->refused_total++;
    return TOO_MANY;
}

static void stand(struct admission *admission, struct held *held, enum lane lane)
{
    held->lane = lane;
    held->is_held = true;
    TAILQ_INSERT_TAIL(&admission->held[lane], held, link);
    admission->held_n[lane]++;
}

void admission_hold(struct admission *admission, struct held *held, const struct rpc_method *method)
{
    enum lane lane = full_lane(admission, method, false);
    held->method = method;
    admission->held_total++;
    stand(admission, held, lane < LANES ? lane : LANE_READ);
}

void admission_leave(struct admission *admission, struct held *held)
{
    if (!held->is_held)
        return;
    held->is_held = false;
    TAILQ_REMOVE(&admission->held[held->lane], held, link);
    admission->held_n[held->lane]--;
}

/* Begins as many calls of a lane's line as it has room for. A call that needs another, full lane as well goes
 * to the end of that lane's line. */
static void let_in(struct admission *admission, enum lane lane)
{
    struct held *held, *next = TAILQ_FIRST(&admission->held[lane]);
    while ((held = next) && pool_room(admission->pool, lane) > 0) {
        next = TAILQ_NEXT(held, link);
        if (!admission->is_wanted(held))
            continue;
        enum lane other = full_lane(admission, held->method, true);
        admission_leave(admission, held);
        if (other < LANES)
            stand(admission, held, other);
        else
            admission->begin(held);
    }
}

void admission_let_in(struct admission *admission)
{
    for (enum lane lane = 0; lane < LANES; lane++)
        if (admission->held_n[lane] > 0)
            let_in(admission, lane);
}

static void on_turn(void *data)
{
    admission_let_in(data);
}

int admission_init(struct admission *admission, struct pool *pool, void (*begin)(struct held *held),
                   bool (*is_wanted)(const struct held *held))
{
    *admission = (struct admission){ .pool = pool, .begin = begin, .is_wanted = is_wanted };
    admission->lanes_of = calloc(rpc_methods_n, 1);
    if (!admission->lanes_of)
        return UV_ENOMEM;
    for (enum lane lane = 0; lane < LANES; lane++)
        TAILQ_INIT(&admission->held[lane]);
    pool->before_send = on_turn;
    pool->before_send_data = admission;
    return 0;
}

void admission_finish(struct admission *admission)
{
    free(admission->lanes_of);
    admission->lanes_of = NULL;
}

static unsigned held_n(const struct admission *admission)
{
    unsigned n = 0;
    for (enum lane lane = 0; lane < LANES; lane++)
        n += admission->held_n[lane];
    return n;
}

static void tell(struct metrics_out *out, enum metric metric, const void *owner)
{
    const struct admission *admission = owner;
    if (metric == METRIC_svcd_calls_held)
        metrics_put(out, metric, held_n(admission));
    else
        metrics_put(out, metric, (double)admission->held_total);
}

void admission_tell_metrics(const struct admission *admission)
{
    metrics_set_reader(METRIC_svcd_calls_held, tell, admission);
    metrics_set_reader(METRIC_svcd_calls_held_total, tell, admission);
}
