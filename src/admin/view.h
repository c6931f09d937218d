/* SPDX-License-Identifier: MIT
 *
 * The data that the operators' pages show, and the callbacks that supply it. Loop thread only.
 */
#ifndef ADMIN_VIEW_H
#define ADMIN_VIEW_H

#include "admin/history.h"
#include "call/context.h"
#include "config/config.h"

/* What the page shows of a job; a copy, since src/admin may not depend on src/jobs. */
struct admin_job {
    const char *name;
    bool running;
    const char *outcome; /* of the last run, one word; NULL: no run yet */
    uint64_t done_n, failed_n;
    int64_t next_s, done_s; /* since 1970; 0: never */
    int64_t took_us;
};

struct admin_options {
    const struct config *config;
    struct context *context;
    unsigned (*connections)(void *data); /* returns the number of client connections */
    size_t (*jobs)(void *data, struct admin_job *jobs, size_t max);
    void *data;
};

struct admin_view {
    struct admin_options options;
    struct history history;
    int64_t started_ms; /* since 1970 */
};

#endif
