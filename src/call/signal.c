/* SPDX-License-Identifier: MIT */
#include "call/signal.h"

static bool withdraw(struct call *call)
{
    LIST_REMOVE(call, signal_link);
    return true;
}

enum next signal_wait(struct call *call, struct signal *signal, enum next (*then)(struct call *call))
{
    LIST_INSERT_HEAD(&signal->waiting, call, signal_link);
    call->signal_then = then;
    return call_wait(call, withdraw);
}

void signal_raise(struct signal *signal)
{
    struct signal raised = *signal;
    struct call *call = LIST_FIRST(&raised.waiting);
    LIST_INIT(&signal->waiting);
    if (call)
        call->signal_link.le_prev = &LIST_FIRST(&raised.waiting);
    while ((call = LIST_FIRST(&raised.waiting))) {
        enum next (*then)(struct call * call) = call->signal_then;
        LIST_REMOVE(call, signal_link);
        if (call_wake(call))
            call_settle(call, then(call));
    }
}
