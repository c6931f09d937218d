/* SPDX-License-Identifier: MIT
 *
 * A task: database work that no peer asked for. It is a call whose answer goes to a function, so jobs and
 * commands are written like handlers, with typed statements and continuations; they end with task_end or
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
    /* Runs once. error NULL: success; else what went wrong, valid during this function (for errors of the
     * database server its own words). The task may be started again, or finished, only from a later turn of
     * the loop. */
    void (*on_ended)(struct task *task, const char *error);
};

/* Starts `begin`, in which call->locals is `locals`. `name` appears in the log; it and `context` must live
 * until the task has ended. on_ended may run before this returns. */
void task_start(struct task *task, struct context *context, const char *name,
                enum next (*begin)(struct call *call, const void *nothing), void *locals,
                void (*on_ended)(struct task *task, const char *error));

/* Ends the task with success. */
CALL_MUST_USE enum next task_end(struct call *call);

/* Frees the memory that the task keeps for its next start. A zeroed task is fine. */
void task_finish(struct task *task);

#endif
