/* SPDX-License-Identifier: MIT
 *
 * The daemon's parts and state, shared by the files of this folder only. Loop thread only.
 */
#ifndef DAEMON_PARTS_H
#define DAEMON_PARTS_H

#include <stdbool.h>
#include <uv.h>

#include "access/access.h"
#include "admin/admin.h"
#include "base/loop_clock.h"
#include "call/admission.h"
#include "call/context.h"
#include "config/config.h"
#include "db/params.h"
#include "db/pool.h"
#include "db/schema.h"
#include "db/servers.h"
#include "edges.h"
#include "jobs/scheduler.h"
#include "reload.h"

#define SIGNALS_N   6
#define LOG_STOP_MS 300 /* time for the last lines of the log to be written */

struct daemon {
    struct config *config;
    uv_loop_t loop;
    struct loop_clock clock;
    struct timers timers;
    struct context context;
    struct pool pool;
    struct servers *servers;
    struct schema_look schema;
    struct admission admission;
    struct edges *edges;
    struct database_params params, job_params;
    struct outage outage; /* whether the database is away, shared by the pools of calls and jobs */
    struct scheduler *scheduler;
    struct admin_options admin_options;
    struct admin *admin;
    struct reload reload;
    struct prepared {
        struct otlp *otlp;
        bool has_other_traces, has_other_login;
    } prepared; /* between the two steps of a reload */
    struct timer throttle_move;
    uv_signal_t signals[SIGNALS_N];
    struct timer patience; /* how long the start waits for a database that is away */
    uv_timer_t drain_timer;
    enum { SERVING, LAME, DRAINING } phase;
    uint64_t drain_started_ms;
    bool work_stopped; /* at ended_ms */
    uint64_t ended_ms;
};

/* daemon.c */
int daemon_start_jobs(struct daemon *daemon);
void daemon_trace_to(struct daemon *daemon, struct otlp *otlp);
/* How to connect to the database by the configuration in force: for calls, and for jobs. */
struct conn_options daemon_conn_options(struct daemon *daemon);
struct conn_options daemon_job_conn_options(struct daemon *daemon);
void daemon_warn_of_config(const struct config *config);

/* signals.c */
int daemon_start_signals(struct daemon *daemon);
void daemon_stop_signals(struct daemon *daemon);

/* drain.c: the first signal begins a drain; the second ends running calls at once. */
void daemon_stop(struct daemon *daemon, const char *signal);
/* Every call has been answered: stops the remaining parts. */
void daemon_drained(struct daemon *daemon);

/* reloading.c */
void daemon_start_reload(struct daemon *daemon, const struct config_source *source);
void daemon_count_lanes(const struct config *config, unsigned connections[LANES]);

#endif
