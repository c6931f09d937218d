/* SPDX-License-Identifier: MIT
 *
 * What the pages are made of.
 */
#ifndef ADMIN_VIEW_H
#define ADMIN_VIEW_H

#include "admin/history.h"
#include "call/context.h"
#include "config/config.h"

/* What the page shows of a job; jobs are a room that this one does not know. */
struct admin_job {
    const char *name;
    bool running;
    const char *outcome; /* of the last run, a word; NULL: none yet */
    uint64_t done_n, failed_n;
    int64_t next_s, done_s; /* since 1970; 0: never */
    int64_t took_us;
};

struct admin_options {
    const struct config *config;
    struct context *context;
    unsigned (*connections)(void *data); /* of clients */
    size_t (*jobs)(void *data, struct admin_job *jobs, size_t max);
    void *data;
};

struct admin_view {
    struct admin_options options;
    struct history history;
    int64_t started_ms; /* since 1970 */
};

#endif
