/* SPDX-License-Identifier: MIT */
#include "admin/history.h"

#include <stdlib.h>

#include "base/wall_clock.h"
#include "call/method.h"

static uint64_t sum(const struct method_account *account, unsigned from_code)
{
    uint64_t n = 0;
    for (unsigned code = from_code; code < GRPC_CODES; code++)
        n += account->handled[code];
    return n;
}

static void end_slot(struct method_history *method, const struct method_account *now, uint64_t slots_n,
                     int64_t now_ms)
{
    uint64_t slot = slots_n % HISTORY_SLOTS;
    method->calls[slot] = (uint32_t)(sum(now, 0) - sum(&method->before, 0));
    method->errors[slot] = (uint32_t)(sum(now, 1) - sum(&method->before, 1));
    method->seconds[slots_n % HISTORY_RECENT] = now->seconds;
    for (unsigned code = 1; code < GRPC_CODES; code++)
        if (now->handled[code] != method->before.handled[code])
            method->last_ms[code] = now_ms;
    method->before = *now;
}

static void on_slot(uv_timer_t *timer)
{
    struct history *history = timer->data;
    int64_t now_ms = wall_clock_ms();
    for (size_t i = 0; i <= rpc_methods_n; i++) {
        const struct method_account *account = account_of_method(i);
        if (account)
            end_slot(&history->methods[i], account, history->slots_n, now_ms);
    }
    history->slots_n++;
}

int history_start(struct history *history, uv_loop_t *loop)
{
    history->methods = calloc(rpc_methods_n + 1, sizeof *history->methods);
    if (!history->methods)
        return UV_ENOMEM;
    int rc = uv_timer_init(loop, &history->timer);
    if (rc)
        return rc;
    history->timer.data = history;
    return uv_timer_start(&history->timer, on_slot, HISTORY_SLOT_MS, HISTORY_SLOT_MS);
}

void history_stop(struct history *history)
{
    uv_close((uv_handle_t *)&history->timer, NULL);
}

void history_finish(struct history *history)
{
    free(history->methods);
    history->methods = NULL;
}

/* While fewer than HISTORY_SLOTS have ended, the older slots are still zeroed. */
uint32_t history_calls(const struct history *history, size_t method, unsigned slot)
{
    return history->methods[method].calls[(history->slots_n + slot) % HISTORY_SLOTS];
}

uint32_t history_errors(const struct history *history, size_t method, unsigned slot)
{
    return history->methods[method].errors[(history->slots_n + slot) % HISTORY_SLOTS];
}

void history_recent(const struct history *history, size_t method, struct histogram *recent)
{
    static const struct histogram empty;
    const struct method_account *account = account_of_method(method);
    const struct histogram *before = &history->methods[method].seconds[history->slots_n % HISTORY_RECENT];
    *recent = account ? account->seconds : empty;
    if (history->slots_n < HISTORY_RECENT)
        return;
    for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++)
        recent->counts[i] -= before->counts[i];
    recent->sum -= before->sum;
}
