/* SPDX-License-Identifier: MIT */
#include "observe/process.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/pages.h"
#include "base/wall_clock.h"
#include "observe/log.h"
#include "observe/metrics.h"

#define LOOK_EVERY_MS 250
#define SETTLED_LOOK  3 /* after so many looks the start is over, and its pages can be given back */

static struct {
    int64_t started_ms;
    uv_timer_t timer;
    uint64_t due_ns;
    unsigned looks_n; /* counted up to SETTLED_LOOK */
    struct histogram lag;
} watch;

/* ---- the process ---- */

static int64_t count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int64_t n = 0;
    if (!folder)
        return 0;
    for (const struct dirent *entry; (entry = readdir(folder));)
        n += entry->d_name[0] != '.';
    closedir(folder);
    return n - 1; /* without the descriptor of the open folder */
}

static void read_memory(struct process_figures *figures)
{
    long long pages = 0, resident = 0, page_bytes = sysconf(_SC_PAGESIZE);
    FILE *file = fopen("/proc/self/statm", "re");
    if (file && fscanf(file, "%lld %lld", &pages, &resident) == 2) {
        figures->virtual_bytes = pages * page_bytes;
        figures->resident_bytes = resident * page_bytes;
    }
    if (file)
        fclose(file);
}

void process_figures(struct process_figures *figures)
{
    struct rusage usage = { 0 };
    struct rlimit limit = { 0 };
    getrusage(RUSAGE_SELF, &usage);
    getrlimit(RLIMIT_NOFILE, &limit);
    *figures = (struct process_figures){
        .started_ms = watch.started_ms,
        .cpu_us = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) +
                  usage.ru_utime.tv_usec + usage.ru_stime.tv_usec,
        .open_fds = count_descriptors(),
        .max_fds = (int64_t)limit.rlim_cur,
    };
    read_memory(figures);
}

static void tell_process(struct metrics_out *out, enum metric metric, const void *owner)
{
    (void)owner;
    struct process_figures figures;
    process_figures(&figures);
    metrics_put(out, metric,
                metric == METRIC_process_cpu_seconds_total       ? figures.cpu_us
                : metric == METRIC_process_start_time_seconds    ? figures.started_ms
                : metric == METRIC_process_resident_memory_bytes ? figures.resident_bytes
                : metric == METRIC_process_virtual_memory_bytes  ? figures.virtual_bytes
                : metric == METRIC_process_open_fds              ? figures.open_fds
                                                                 : figures.max_fds);
}

static void tell_build(struct metrics_out *out, enum metric metric, const void *owner)
{
    (void)owner;
    metrics_put(out, metric, 1, SVCD_VERSION);
}

static void tell_dropped(struct metrics_out *out, enum metric metric, const void *owner)
{
    (void)owner;
    metrics_put(out, metric, log_n_dropped());
}

/* ---- the loop ---- */

static void on_look(uv_timer_t *timer)
{
    (void)timer;
    uint64_t now_ns = uv_hrtime();
    histogram_add_time(&watch.lag, now_ns > watch.due_ns ? now_ns - watch.due_ns : 0);
    if (watch.looks_n < SETTLED_LOOK && ++watch.looks_n == SETTLED_LOOK)
        pages_give_back();
    watch.due_ns = uv_hrtime() + LOOK_EVERY_MS * UINT64_C(1000000);
    uv_timer_start(timer, on_look, LOOK_EVERY_MS, 0);
}

const struct histogram *process_loop_lag(void)
{
    return &watch.lag;
}

static void tell_lag(struct metrics_out *out, enum metric metric, const void *owner)
{
    (void)owner;
    metrics_put_histogram(out, metric, &watch.lag);
}

/* ---- start and stop ---- */

int process_watch_start(uv_loop_t *loop)
{
    static const enum metric of_process[] = { METRIC_process_cpu_seconds_total,
                                              METRIC_process_start_time_seconds,
                                              METRIC_process_resident_memory_bytes,
                                              METRIC_process_virtual_memory_bytes,
                                              METRIC_process_open_fds,
                                              METRIC_process_max_fds };
    watch.started_ms = wall_clock_ms();
    for (size_t i = 0; i < sizeof of_process / sizeof *of_process; i++)
        metrics_set_reader(of_process[i], tell_process, NULL);
    metrics_set_reader(METRIC_svcd_build_info, tell_build, NULL);
    metrics_set_reader(METRIC_svcd_log_dropped_lines_total, tell_dropped, NULL);
    metrics_set_reader(METRIC_svcd_loop_lag_seconds, tell_lag, NULL);
    int rc = uv_timer_init(loop, &watch.timer);
    if (rc)
        return rc;
    watch.due_ns = uv_hrtime() + LOOK_EVERY_MS * UINT64_C(1000000);
    return uv_timer_start(&watch.timer, on_look, LOOK_EVERY_MS, 0);
}

void process_watch_stop(void)
{
    uv_close((uv_handle_t *)&watch.timer, NULL);
}
