/* SPDX-License-Identifier: MIT
 *
 * SIGHUP: the configuration and the file of callers are read again, by a thread, since that may take its
 * time. Either all of it is good, and what may change does, at once; or a line says what is wrong, with its
 * place, and all stays as it was. Keys that changed and need a restart are named.
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

/* Who may call, and who may look: what stands in files of their own. */
struct rules {
    struct access *access;
    struct admin_gate gate;
};

/* Blocks. 0; or a UV_E* code after a line in errors for each mistake, and there is nothing to destroy. */
int rules_read(struct rules *rules, const struct config *config, FILE *errors);

struct reload {
    /* Set before the first. */
    uv_loop_t *loop;
    struct config *config; /* the one in force */
    const struct config_source *source;
    struct context *context;
    /* Does of the new configuration what may fail, such as listening. An error has been logged, and nothing
     * was changed. */
    int (*prepare)(void *data, const struct config *fresh);
    /* `config` has the new values, `context` the new callers. */
    void (*apply)(void *data, const struct admin_gate *gate);
    /* Whether a listener has limits that change by a restart only. */
    bool (*has_core)(void *data);
    /* It is over. */
    void (*done)(void *data);
    void *data;

    uv_work_t work;
    struct config fresh;
    struct rules rules;
    char *errors; /* lines */
    size_t errors_len;
    int rc;
    bool is_running, is_wanted_again;
    atomic_bool is_abandoned; /* svcd stops: nothing is waited for */
    bool is_good;             /* the last one */
    int64_t good_ms;          /* since 1970, when one last was, or svcd began */
};

void reload_init(struct reload *reload);
/* Begins; while one is under way another follows it. */
void reload_start(struct reload *reload);
/* What is under way ends soon, and changes nothing. */
void reload_abandon(struct reload *reload);

#endif
