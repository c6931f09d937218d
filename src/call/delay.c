/* SPDX-License-Identifier: MIT
 *
 * A timer for each delayed call, in memory of its own: libuv may need it a little longer than the call does.
 */
#include "call/delay.h"

#include <stdlib.h>
#include <uv.h>

#define MS_NS 1000000

struct delay {
    uv_timer_t timer;
    struct call *call;
    uint64_t at_ns;
    enum next (*then)(struct call *call);
};

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_timer(uv_timer_t *timer);

/* Rounded up, and looked at again when it fires: the loop's clock may lag behind. */
static void start(struct delay *delay)
{
    uint64_t now_ns = uv_hrtime(), left_ns = delay->at_ns > now_ns ? delay->at_ns - now_ns : 0;
    uv_timer_start(&delay->timer, on_timer, (left_ns + MS_NS - 1) / MS_NS, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct delay *delay = timer->data;
    if (uv_hrtime() < delay->at_ns) {
        start(delay);
        return;
    }
    struct call *call = delay->call;
    enum next (*then)(struct call * call) = delay->then;
    uv_close((uv_handle_t *)timer, on_closed);
    if (call_wake(call))
        call_settle(call, then(call));
}

static bool withdraw(struct call *call)
{
    uv_close(call->waits_on, on_closed);
    return true;
}

enum next call_delay(struct call *call, uint64_t at_ns, enum next (*then)(struct call *call))
{
    struct delay *delay = malloc(sizeof *delay);
    if (!delay)
        return call_no_memory(call);
    delay->call = call;
    delay->at_ns = at_ns;
    delay->then = then;
    uv_timer_init(call->context->loop, &delay->timer);
    delay->timer.data = delay;
    start(delay);
    call->waits_on = &delay->timer;
    return call_wait(call, withdraw);
}
