/* SPDX-License-Identifier: MIT */
#include "call/signal.h"

struct waiter {
    LIST_ENTRY(waiter) link;
    struct call *call;
    enum next (*then)(struct call *call);
};

static bool withdraw(struct call *call)
{
    struct waiter *waiter = call->waits_on;
    LIST_REMOVE(waiter, link);
    return true;
}

enum next signal_wait(struct call *call, struct signal *signal, enum next (*then)(struct call *call))
{
    struct waiter *waiter = call_alloc(call, 1, sizeof *waiter);
    if (!waiter)
        return call_no_memory(call);
    *waiter = (struct waiter){ .call = call, .then = then };
    LIST_INSERT_HEAD(&signal->waiters, waiter, link);
    call->waits_on = waiter;
    return call_wait(call, withdraw);
}

void signal_raise(struct signal *signal)
{
    struct signal raised = *signal;
    struct waiter *waiter;
    LIST_INIT(&signal->waiters);
    if ((waiter = LIST_FIRST(&raised.waiters)))
        waiter->link.le_prev = &LIST_FIRST(&raised.waiters);
    while ((waiter = LIST_FIRST(&raised.waiters))) {
        struct call *call = waiter->call;
        enum next (*then)(struct call * call) = waiter->then;
        LIST_REMOVE(waiter, link);
        if (call_wake(call))
            call_settle(call, then(call));
    }
}
