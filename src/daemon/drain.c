/* SPDX-License-Identifier: MIT
 *
 * Stopping the daemon, in five steps:
 *
 *   1. lame: for drain.lame_ms health says NOT_SERVING, so that load balancers choose another server, but
 *      everything is still served;
 *   2. the listeners close and the edges send GOAWAY;
 *   3. running calls end by themselves, or with UNAVAILABLE after drain.timeout_ms;
 *   4. hash pool and database pool stop;
 *   5. once the loop has closed all handles, everything is freed (daemon.c).
 *
 * A second signal skips both waits (steps 1 and 3): running calls are ended at once.
 */
#include <stdlib.h>
#include <unistd.h>

#include "admin/systemd.h"
#include "call/signal.h"
#include "call/stream.h"
#include "daemon/parts.h"
#include "db/standbys.h"
#include "login/hash_pool.h"
#include "observe/log.h"
#include "observe/process.h"
#include "trace/otlp.h"

#define HANG_UP_MS    500 /* time for clients to close their connections themselves after the GOAWAY */
#define DRAIN_TICK_MS 50
/* Counted from when calls were ended: then connections whose peer does not read are cut off; then the process
 * exits even if something hangs. */
#define CUT_MS  300
#define LAST_MS 600
#define HASH_MS 200 /* how long to wait for a password that is being hashed */
/* What systemd allows beyond drain.lame_ms + drain.timeout_ms before it kills the process. */
#define STOP_GRACE_MS 5000

/* Calls that still wait for a hash or the database are answered UNAVAILABLE. */
static void stop_work(struct daemon *daemon)
{
    if (daemon->work_stopped)
        return;
    daemon->work_stopped = true;
    reload_abandon(&daemon->reload);
    daemon->ended_ms = uv_now(&daemon->loop);
    streams_end(&daemon->context, STATUS_UNAVAILABLE, "the server is stopping");
    hash_pool_stop(daemon->context.hash_pool, HASH_MS);
    scheduler_stop(daemon->scheduler);
    servers_stop(daemon->servers);
    schema_look_stop(&daemon->schema);
    standbys_stop(daemon->context.standbys);
    pool_stop(&daemon->pool);
    admission_let_in(&daemon->admission);
}

/* Some part has not stopped in time. Every call has been answered, so nothing acknowledged is lost by exiting
 * now. */
_Noreturn static void exit_hard(void)
{
    log_warn("something still runs after every call has ended, and is left behind");
    log_stop(LOG_STOP_MS);
    _exit(EXIT_SUCCESS);
}

static void on_last(uv_timer_t *timer)
{
    (void)timer;
    exit_hard();
}

void daemon_drained(struct daemon *daemon)
{
    log_info("drained");
    stop_work(daemon);
    if (!hash_pool_stop(daemon->context.hash_pool, 0))
        exit_hard();
    admin_stop(daemon->admin);
    timers_finish(&daemon->timers);
    loop_clock_stop(&daemon->clock);
    process_watch_stop();
    systemd_stop();
    otlp_stop(daemon->context.otlp);
    daemon_stop_signals(daemon);
    uv_timer_start(&daemon->drain_timer, on_last, LAST_MS, 0);
    uv_unref((uv_handle_t *)&daemon->drain_timer);
}

static void end_now(struct daemon *daemon)
{
    stop_work(daemon);
    edges_cancel(daemon->edges);
}

/* When only streams are left, they are ended. When no call is left, connections are closed without waiting
 * for idle clients, which may keep them open long after the GOAWAY; but not before HANG_UP_MS, so that calls
 * sent before the client saw the GOAWAY have had time to arrive. */
static void on_drain_tick(uv_timer_t *timer)
{
    struct daemon *daemon = timer->data;
    uint64_t now_ms = uv_now(&daemon->loop), drained_ms = now_ms - daemon->drain_started_ms;
    unsigned running = edges_running(daemon->edges);
    if (daemon->work_stopped && now_ms - daemon->ended_ms >= LAST_MS)
        exit_hard();
    else if (daemon->work_stopped && now_ms - daemon->ended_ms >= CUT_MS)
        edges_cut(daemon->edges);
    else if (daemon->work_stopped)
        return;
    else if (drained_ms >= (uint64_t)daemon->config->drain.timeout_ms) {
        log_warn("calls are still running after drain.timeout_ms and are ended", log_int("calls", running));
        end_now(daemon);
    } else if (drained_ms >= HANG_UP_MS && running == 0)
        edges_cancel(daemon->edges);
    else if (drained_ms >= HANG_UP_MS && running <= daemon->context.streams_n)
        streams_end(&daemon->context, STATUS_UNAVAILABLE, "the server is stopping");
}

static void begin_drain(struct daemon *daemon)
{
    daemon->phase = DRAINING;
    daemon->drain_started_ms = uv_now(&daemon->loop);
    edges_drain(daemon->edges);
    uv_timer_start(&daemon->drain_timer, on_drain_tick, DRAIN_TICK_MS, DRAIN_TICK_MS);
}

static void on_lame_over(uv_timer_t *timer)
{
    begin_drain(timer->data);
}

void daemon_stop(struct daemon *daemon, const char *signal)
{
    switch (daemon->phase) {
    case SERVING:
        log_info("stopping", log_str("signal", signal));
        daemon->phase = LAME;
        systemd_stopping((uint64_t)daemon->config->drain.lame_ms +
                         (uint64_t)daemon->config->drain.timeout_ms + STOP_GRACE_MS);
        daemon->context.draining = true;
        signal_raise(&daemon->context.health_changed);
        uv_timer_start(&daemon->drain_timer, on_lame_over, (uint64_t)daemon->config->drain.lame_ms, 0);
        return;
    case LAME:
        begin_drain(daemon);
        end_now(daemon);
        return;
    case DRAINING:
        end_now(daemon);
    }
}
