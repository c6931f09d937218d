/* SPDX-License-Identifier: MIT
 *
 * A pairing heap whose links are in the timers themselves. A node's `prev` is its left sibling, or for a
 * first child its parent. The handle may fire for a timer that has been stopped meanwhile: a spare turn of
 * the loop, which costs less than rearming the handle at every stop.
 */
#include "base/timers.h"

#include <stddef.h>

#include "base/loop_clock.h"

#define MS_NS UINT64_C(1000000)

/* ---- the heap ---- */

/* Joins two trees, either of which may be empty. */
static struct timer *meld(struct timer *a, struct timer *b)
{
    if (!a || !b)
        return a ? a : b;
    if (b->at_ns < a->at_ns) {
        struct timer *other = a;
        a = b;
        b = other;
    }
    b->prev = a;
    b->next = a->child;
    if (b->next)
        b->next->prev = b;
    a->child = b;
    a->next = a->prev = NULL;
    return a;
}

/* Joins siblings in pairs from the left, then the pairs from the right; the two passes keep the tree flat. */
static struct timer *meld_siblings(struct timer *first)
{
    struct timer *pairs = NULL, *whole = NULL;
    while (first) {
        struct timer *second = first->next, *rest = second ? second->next : NULL;
        first->next = first->prev = NULL;
        if (second)
            second->next = second->prev = NULL;
        struct timer *pair = meld(first, second);
        pair->next = pairs;
        pairs = pair;
        first = rest;
    }
    while (pairs) {
        struct timer *next = pairs->next;
        pairs->next = NULL;
        whole = meld(whole, pairs);
        pairs = next;
    }
    return whole;
}

static void detach(struct timers *timers, struct timer *timer)
{
    if (timers->root == timer) {
        timers->root = meld_siblings(timer->child);
    } else {
        if (timer->prev->child == timer)
            timer->prev->child = timer->next;
        else
            timer->prev->next = timer->next;
        if (timer->next)
            timer->next->prev = timer->prev;
        timers->root = meld(timers->root, meld_siblings(timer->child));
    }
    timer->child = timer->next = timer->prev = NULL;
    timer->is_running = false;
}

/* ---- the handle ---- */

static void on_handle(uv_timer_t *handle);

static void arm(struct timers *timers, uint64_t least_ms)
{
    uint64_t now_ns = uv_hrtime(), at_ns = timers->root->at_ns;
    uint64_t left_ns = at_ns > now_ns ? at_ns - now_ns : 0;
    timers->armed_ns = at_ns;
    uint64_t left_ms = left_ns / MS_NS + (left_ns % MS_NS != 0);
    uv_update_time(timers->handle.loop);
    uv_timer_start(&timers->handle, on_handle, left_ms > least_ms ? left_ms : least_ms, 0);
}

static void on_handle(uv_timer_t *handle)
{
    struct timers *timers = handle->data;
    struct timer *timer;
    timers->firing_ns = loop_clock_read();
    timers->armed_ns = 0; /* timers started by the callbacks need not arm the handle: it is done below */
    while ((timer = timers->root) && timer->at_ns <= timers->firing_ns) {
        detach(timers, timer);
        timer->on_due(timer);
    }
    timers->armed_ns = UINT64_MAX;
    timers->firing_ns = 0;
    /* At least 1 ms: libuv would run a timer that is due at once before it polls, so on a slow machine timers
     * could keep the loop from its sockets. */
    if (timers->root)
        arm(timers, 1);
}

int timers_init(struct timers *timers, uv_loop_t *loop)
{
    *timers = (struct timers){ .armed_ns = UINT64_MAX };
    int rc = uv_timer_init(loop, &timers->handle);
    timers->handle.data = timers;
    return rc;
}

void timers_start(struct timers *timers, struct timer *timer, uint64_t at_ns,
                  void (*on_due)(struct timer *timer))
{
    timers_stop(timers, timer);
    if (at_ns <= timers->firing_ns) /* started by a callback and due already: let the loop poll in between */
        at_ns = timers->firing_ns + MS_NS;
    *timer = (struct timer){ .at_ns = at_ns, .on_due = on_due, .is_running = true };
    timers->root = meld(timers->root, timer);
    if (at_ns < timers->armed_ns)
        arm(timers, 0);
}

void timers_stop(struct timers *timers, struct timer *timer)
{
    if (timer->is_running)
        detach(timers, timer);
}

void timers_finish(struct timers *timers)
{
    uv_close((uv_handle_t *)&timers->handle, NULL);
}
