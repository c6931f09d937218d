/* SPDX-License-Identifier: MIT
 *
 * Work on the database that no peer asked for: a call whose answer is told to a function. So jobs and
 * commands are written like handlers, with typed statements and continuations, and end with task_end or
 * call_fail.
 *
 * Loop thread only.
 */
#ifndef CALL_TASK_H
#define CALL_TASK_H

#include "call/call.h"

struct task {
    struct call call;
    struct rpc_method method;
    /* Once. error NULL: it has ended well; else what is wrong, valid while this runs, the server's own words
     * where it was the server. The task may be started again, or finished, when the loop has been returned
     * to. */
    void (*on_ended)(struct task *task, const char *error);
};

/* Starts `begin`, in which call->locals is `locals`. `name` is for the log; it and `context` must live until
 * the task has ended. on_ended may run before this returns. */
void task_start(struct task *task, struct context *context, const char *name,
                enum next (*begin)(struct call *call, const void *nothing), void *locals,
                void (*on_ended)(struct task *task, const char *error));

/* The work is done. */
CALL_MUST_USE enum next task_end(struct call *call);

/* Frees what it keeps for its next start; zeroed memory is fine. */
void task_finish(struct task *task);

#endif
