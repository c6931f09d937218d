/* SPDX-License-Identifier: MIT */
#include "call/task.h"

#include "base/container_of.h"
#include "call/entry.h"
#include "google/protobuf/empty.pb.h"

static struct task *task_of(struct call *call)
{
    return container_of(call, struct task, call);
}

static void on_reply(struct call *call, const uint8_t *bytes, size_t len)
{
    (void)bytes;
    (void)len;
    struct task *task = task_of(call);
    task->on_ended(task, NULL);
}

static void on_end(struct call *call, enum status status, const char *message, unsigned retry_after_ms)
{
    (void)status;
    (void)retry_after_ms;
    struct task *task = task_of(call);
    task->on_ended(task, message);
}

static void on_over(struct call *call)
{
    (void)call;
}

/* Without the functions about peers: a task has none. */
static const struct call_transport transport = {
    .is_internal = true, .reply = on_reply, .end = on_end, .over = on_over
};

void task_start(struct task *task, struct context *context, const char *name,
                enum next (*begin)(struct call *call, const void *nothing), void *locals,
                void (*on_ended)(struct task *task, const char *error))
{
    task->method = (struct rpc_method){ .path = name,
                                        .handle = begin,
                                        .request_fields = google_protobuf_Empty_fields,
                                        .request_size = sizeof(google_protobuf_Empty) };
    task->call.method = &task->method;
    task->call.transport = &transport;
    task->call.context = context;
    task->call.deadline_ns = UINT64_MAX;
    task->call.locals = locals;
    task->on_ended = on_ended;
    call_start(&task->call, NULL, 0);
}

enum next task_end(struct call *call)
{
    return call_reply(call, google_protobuf_Empty_fields, &(google_protobuf_Empty){ 0 });
}

void task_finish(struct task *task)
{
    call_finish(&task->call);
}
