/* SPDX-License-Identifier: MIT
 *
 * The watchdog's keep-alive is sent by a timer of the loop, so only while the loop turns, and only if an
 * internal call of grpc.health.v1 for `svcd.live` is answered SERVING. That call needs everything that calls
 * need except the database: if the database is away, a restart does not help.
 */
#include "admin/systemd.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "call/entry.h"
#include "db/pool.h"
#include "observe/log.h"
#include "observe/notify.h"

#define STATUS_EVERY_MS 5000

static struct {
    uv_timer_t status, watchdog;
    struct admin_options options;
    bool is_stopping;
    uint64_t answered_n, at_ms; /* calls answered, and the time, when the status was last sent */
} systemd;

/* ---- status ---- */

static uint64_t count_answered(void)
{
    uint64_t n = 0;
    for (size_t i = 0; i <= rpc_methods_n; i++) {
        const struct method_account *account = account_of_method(i);
        for (unsigned code = 0; account && code < GRPC_CODES; code++)
            n += account->handled[code];
    }
    return n;
}

static void tell_status(const char *before)
{
    uint64_t n = count_answered(), now_ms = uv_now(systemd.status.loop), since_ms = now_ms - systemd.at_ms;
    uint64_t rate = since_ms ? (n - systemd.answered_n) * 1000 / since_ms : 0;
    bool is_available = pool_is_available(systemd.options.context->pool);
    notify_send("%sSTATUS=%s%" PRIu64 " calls a second, %u connections, database %s", before,
                systemd.is_stopping ? "draining, " : "", rate,
                systemd.options.connections(systemd.options.data), is_available ? "available" : "away");
    systemd.answered_n = n;
    systemd.at_ms = now_ms;
}

static void on_status(uv_timer_t *timer)
{
    (void)timer;
    tell_status("");
}

/* ---- watchdog ---- */

static struct rpc_method check; /* a copy, so that this internal call is not counted */
static struct call health;

static void on_reply(struct call *call, const uint8_t *bytes, size_t len)
{
    static const uint8_t serving[] = { 0x08, 0x01 }; /* HealthCheckResponse{status: SERVING} */
    (void)call;
    if (len == sizeof serving && memcmp(bytes, serving, len) == 0)
        notify_send("WATCHDOG=1");
    else
        log_error("the health of svcd.live is not SERVING, systemd is not told that we work");
}

static void on_end(struct call *call, enum status status, const char *message, unsigned retry_after_ms)
{
    (void)call;
    (void)retry_after_ms;
    log_error("the health of svcd.live cannot be asked, systemd is not told that we work",
              log_int("status", status), log_str("reason", message));
}

static void on_over(struct call *call)
{
    (void)call;
}

static const struct call_transport transport = {
    .is_internal = true, .reply = on_reply, .end = on_end, .over = on_over
};

static bool find_check(void)
{
    for (size_t i = 0; i < rpc_methods_n; i++)
        if (strcmp(rpc_methods[i].path, "/grpc.health.v1.Health/Check") == 0) {
            check = rpc_methods[i];
            return true;
        }
    return false;
}

static void on_watchdog(uv_timer_t *timer)
{
    static const uint8_t request[] = "\x0a\x09svcd.live";
    (void)timer;
    health.method = &check;
    health.transport = &transport;
    health.context = systemd.options.context;
    health.deadline_ns = UINT64_MAX;
    call_start(&health, request, sizeof request - 1);
}

/* ---- start and stop ---- */

int systemd_start(uv_loop_t *loop, const struct admin_options *options)
{
    notify_init();
    systemd.options = *options;
    int rc = uv_timer_init(loop, &systemd.status);
    if (!rc)
        rc = uv_timer_init(loop, &systemd.watchdog);
    if (rc || !notify_is_wanted())
        return rc;
    systemd.at_ms = uv_now(loop);
    uv_timer_start(&systemd.status, on_status, STATUS_EVERY_MS, STATUS_EVERY_MS);
    if (notify_watchdog_ms() > 0 && find_check())
        uv_timer_start(&systemd.watchdog, on_watchdog, 0, notify_watchdog_ms());
    tell_status("READY=1\n");
    return 0;
}

void systemd_reloading(void)
{
    notify_send("RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\n", uv_hrtime() / 1000);
}

void systemd_reloaded(void)
{
    if (notify_is_wanted() && !systemd.is_stopping)
        tell_status("READY=1\n");
}

void systemd_stopping(uint64_t timeout_ms)
{
    char text[64];
    systemd.is_stopping = true;
    snprintf(text, sizeof text, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64 "\n", timeout_ms * 1000);
    if (notify_is_wanted())
        tell_status(text);
}

void systemd_stop(void)
{
    uv_close((uv_handle_t *)&systemd.status, NULL);
    uv_close((uv_handle_t *)&systemd.watchdog, NULL);
    call_finish(&health);
}
