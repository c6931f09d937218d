/* SPDX-License-Identifier: MIT
 *
 * The server of the gRPC core: its settings, its start, and its end, which takes three steps: the core's
 * server has shut down (no connection is left), the last call has let go of its slot, the queue has ended.
 */
#include "edge/core/server.h"

#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <stdlib.h>

#include "edge/core/core.h"
#include "edge/core/core_locks.h"

static grpc_server *create_server(const struct wire_options *options)
{
    const struct {
        const char *key;
        int value;
    } settings[] = {
        /* The core inflates a message before it checks its size: it shall not inflate any. */
        { GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0 },
        { GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0 },
        /* The peer cancels at its deadline by itself, and we look at it before we start anything: a timer a
         * call would be too much. */
        { GRPC_ARG_ENABLE_DEADLINE_CHECKS, 0 },
        { GRPC_ARG_ENABLE_CHANNELZ, 0 },
        { GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, options->max_message_bytes },
        { GRPC_ARG_MAX_CONCURRENT_STREAMS, options->max_concurrent_streams },
        /* With the default of 8 KiB one call with large headers closes the connection under all others. */
        { GRPC_ARG_MAX_METADATA_SIZE, 65536 },
        { GRPC_ARG_MAX_CONNECTION_IDLE_MS, options->idle_timeout_ms ? options->idle_timeout_ms : INT_MAX },
    };
    grpc_arg args[sizeof settings / sizeof *settings];
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        args[i] = (grpc_arg){ .type = GRPC_ARG_INTEGER,
                              .key = (char *)settings[i].key, /* read only, says the core */
                              .value.integer = settings[i].value };
    return grpc_server_create(&(grpc_channel_args){ .num_args = sizeof args / sizeof *args, .args = args },
                              NULL);
}

int wire_create(struct wire **out, uv_loop_t *loop, struct context *context,
                const struct wire_options *options)
{
    struct wire *wire = calloc(1, sizeof *wire);
    if (!wire)
        return UV_ENOMEM;
    *out = wire; /* also on failure, which ends the process: there is nothing to lose yet */
    wire->loop = loop;
    wire->context = context;
    core_locks_trust();
    grpc_init();
    wire->queue = grpc_completion_queue_create_for_next(NULL);
    wire->credentials = grpc_insecure_server_credentials_create();
    wire->server = create_server(options);
    grpc_server_register_completion_queue(wire->server, wire->queue, NULL);
    int rc = wire_calls_register(wire);
    if (rc)
        return rc;
    grpc_server_start(wire->server);
    rc = wire_calls_post(wire);
    if (!rc)
        rc = wire_strays_post(wire);
    if (!rc)
        rc = wire_poll_start(wire);
    return rc;
}

void wire_add_connection(struct wire *wire, int fd)
{
    grpc_server_add_channel_from_fd(wire->server, fd, wire->credentials);
}

/* ---- drain ---- */

/* After it no batch may be started: so not before the last call is over. */
void wire_try_end(struct wire *wire)
{
    if (!wire->is_shut_down || wire->running > 0)
        return;
    wire_poll_stop(wire);
    grpc_completion_queue_shutdown(wire->queue);
}

static void on_shut_down(struct event *event, bool ok)
{
    (void)ok;
    struct wire *wire = container_of(event, struct wire, shut_down);
    wire->is_shut_down = true;
    wire_try_end(wire);
}

void wire_drain(struct wire *wire, void (*on_drained)(void *data), void *data)
{
    wire->draining = true;
    wire->on_drained = on_drained;
    wire->data = data;
    wire->shut_down.handle = on_shut_down;
    grpc_server_shutdown_and_notify(wire->server, wire->queue, &wire->shut_down);
}

unsigned wire_running(const struct wire *wire)
{
    return wire->running;
}

void wire_cancel(struct wire *wire)
{
    grpc_server_cancel_all_calls(wire->server);
}

void wire_destroy(struct wire *wire)
{
    if (!wire)
        return;
    wire_calls_finish(wire);
    wire_strays_finish(wire);
    grpc_server_destroy(wire->server);
    grpc_completion_queue_destroy(wire->queue);
    grpc_server_credentials_release(wire->credentials);
    grpc_shutdown_blocking();
    free(wire);
}
