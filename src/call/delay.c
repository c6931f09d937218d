/* SPDX-License-Identifier: MIT */
#include "call/delay.h"

#include "base/container_of.h"

struct delay {
    struct timer timer;
    struct call *call;
    enum next (*then)(struct call *call);
};

static void on_due(struct timer *timer)
{
    struct delay *delay = container_of(timer, struct delay, timer);
    struct call *call = delay->call;
    if (call_wake(call))
        call_settle(call, delay->then(call));
}

static bool withdraw(struct call *call)
{
    struct delay *delay = call->waits_on;
    timers_stop(call->context->timers, &delay->timer);
    return true;
}

enum next call_delay(struct call *call, uint64_t at_ns, enum next (*then)(struct call *call))
{
    struct delay *delay = call_alloc(call, 1, sizeof *delay);
    if (!delay)
        return call_no_memory(call);
    *delay = (struct delay){ .call = call, .then = then };
    timers_start(call->context->timers, &delay->timer, at_ns, on_due);
    call->waits_on = delay;
    return call_wait(call, withdraw);
}
