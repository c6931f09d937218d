/* SPDX-License-Identifier: MIT
 *
 * Reload (SIGHUP): reads the configuration and the file of callers again, on a thread of libuv's pool because
 * that blocks (files, DNS, a trial login). If everything is valid, all keys that may change are applied at
 * once; otherwise each mistake is logged with its place, and nothing changes. Changed keys that need a
 * restart are logged.
 *
 * Loop thread only.
 */
#ifndef RELOAD_H
#define RELOAD_H

#include <stdatomic.h>
#include <uv.h>

#include "admin/gate.h"
#include "call/context.h"
#include "config/load.h"

/* The rules that are in files of their own: who may call, and who may see the operators' pages. */
struct rules {
    struct access *access;
    struct admin_gate gate;
};

/* Looks at files of authorities, too, which others read later. Blocks. Returns 0; or a UV_E* code after a
 * line in errors for each mistake, with nothing to destroy. */
int rules_read(struct rules *rules, const struct config *config, FILE *errors);

struct reload {
    /* Set by the owner before the first reload. */
    uv_loop_t *loop;
    struct config *config; /* the one in force */
    const struct config_source *source;
    struct context *context;
    /* Reads, on the thread of the reload, files that only the owner's parts know. Returns 0; or a UV_E* code
     * after an error was logged. */
    int (*read)(void *data, const struct config *fresh);
    /* Does the part of the change that may fail, such as listening. Returns 0; or a UV_E* code after an error
     * was logged, and nothing has changed. */
    int (*prepare)(void *data, const struct config *fresh);
    /* Does the rest, which cannot fail. `config` has the new values, `context` the new callers. */
    void (*apply)(void *data, const struct admin_gate *gate);
    /* Whether gRPC's C core is in use, whose limits change by a restart only. */
    bool (*has_core)(void *data);
    /* The reload is over, successful or not. */
    void (*done)(void *data);
    void *data;

    uv_work_t work;
    struct config fresh;
    struct rules rules;
    char *errors; /* one mistake a line */
    size_t errors_len;
    int rc;
    bool is_running, is_wanted_again;
    atomic_bool is_abandoned; /* svcd stops: the thread must not wait for anything */
    bool is_good;             /* the last reload succeeded */
    int64_t good_ms;          /* since 1970: the last successful reload, or svcd's start */
};

void reload_init(struct reload *reload);
/* Starts a reload; if one is running, another follows it. */
void reload_start(struct reload *reload);
/* Makes a running reload end soon, without changing anything. */
void reload_abandon(struct reload *reload);

#endif
