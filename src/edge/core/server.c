/* SPDX-License-Identifier: MIT
 *
 * The server of the gRPC core: its settings, its start and its end. The end takes three steps: the core's
 * server has shut down (no connection is left), the last call has let go of its slot, and the completion
 * queue is shut down and empty.
 */
#include "edge/core/server.h"

#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <stdlib.h>

#include "base/container_of.h"
#include "edge/core/calls.h"
#include "edge/core/core_locks.h"
#include "edge/core/core_log.h"
#include "edge/core/core_loop.h"
#include "edge/core/strays.h"
#include "edge/core/visitor.h"

struct core_server {
    struct core_loop loop;
    struct core_calls calls;
    struct core_strays strays;
    grpc_server *server;
    grpc_server_credentials *credentials;
    struct event shut_down;
    bool is_shut_down; /* the core has no connection left */
    unsigned running;  /* calls that are not over: each may still start a batch */
};

static grpc_server *create_server(const struct core_server_options *options)
{
    const struct {
        const char *key;
        int value;
    } settings[] = {
        /* Off, because the core decompresses a message before it checks its size (a "zip bomb"). */
        { GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0 },
        { GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0 },
        /* The call layer checks deadlines of its calls. The core does for those that have not reached it:
         * whose message has not come, or that the core has not been asked for. */
        { GRPC_ARG_ENABLE_DEADLINE_CHECKS, 1 },
        { GRPC_ARG_ENABLE_CHANNELZ, 0 },
        { GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, options->max_message_bytes },
        { GRPC_ARG_MAX_CONCURRENT_STREAMS, options->max_concurrent_streams },
        /* With the default, 8 KiB, a call with large headers makes the core close the whole connection. */
        { GRPC_ARG_MAX_METADATA_SIZE, 65536 },
        { GRPC_ARG_MAX_CONNECTION_IDLE_MS, options->idle_timeout_ms ? options->idle_timeout_ms : INT_MAX },
    };
    grpc_arg args[sizeof settings / sizeof *settings];
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        args[i] = (grpc_arg){ .type = GRPC_ARG_INTEGER,
                              .key = (char *)settings[i].key, /* the core only reads it */
                              .value.integer = settings[i].value };
    return grpc_server_create(&(grpc_channel_args){ .num_args = sizeof args / sizeof *args, .args = args },
                              NULL);
}

/* ---- counting calls ---- */

/* Ends the loop and the queue once the core has shut down and no call is left. Not sooner: after that no
 * batch may be started, and every call that still runs will start one. */
static void try_end(struct core_server *server)
{
    if (server->is_shut_down && server->running == 0)
        core_loop_stop(&server->loop);
}

static void on_call_begun(void *data)
{
    struct core_server *server = data;
    server->running++;
}

static void on_call_over(void *data)
{
    struct core_server *server = data;
    server->running--;
    try_end(server);
}

static bool on_turn(void *data)
{
    return core_calls_on_turn(data);
}

/* ---- start ---- */

int core_server_create(struct core_server **out, uv_loop_t *loop, struct context *context,
                       const struct core_server_options *options)
{
    struct core_server *server = calloc(1, sizeof *server);
    if (!server)
        return UV_ENOMEM;
    *out = server; /* also on failure: the process ends then, and nothing need be freed */
    core_locks_trust();
    core_log_start();
    grpc_init();
    core_loop_init(&server->loop, loop);
    server->credentials = grpc_insecure_server_credentials_create();
    server->server = create_server(options);
    grpc_server_register_completion_queue(server->server, server->loop.queue, NULL);
    struct core_owner owner = { on_call_begun, on_call_over, server };
    server->calls = (struct core_calls){ .server = server->server,
                                         .queue = server->loop.queue,
                                         .context = context,
                                         .peers = options->peers,
                                         .owner = owner };
    server->strays = (struct core_strays){ .server = server->server,
                                           .queue = server->loop.queue,
                                           .owner = owner,
                                           .context = context,
                                           .peers = options->peers };
    int rc = core_calls_register(&server->calls);
    if (rc)
        return rc;
    grpc_server_start(server->server);
    rc = core_calls_start(&server->calls);
    if (!rc)
        rc = core_strays_start(&server->strays);
    if (rc)
        return rc;
    server->loop.on_turn = on_turn;
    server->loop.turn_data = &server->calls;
    return core_loop_start(&server->loop, options->count_sent, options->data);
}

void core_server_add_connection(struct core_server *server, int fd)
{
    if (visitor_turned_away(fd, server->calls.peers))
        return;
    grpc_server_add_channel_from_fd(server->server, fd, server->credentials);
}

void core_server_run(struct core_server *server)
{
    core_loop_run(&server->loop);
    core_calls_stop(&server->calls);
}

/* ---- drain ---- */

static void on_shut_down(struct event *event, bool ok)
{
    (void)ok;
    struct core_server *server = container_of(event, struct core_server, shut_down);
    server->is_shut_down = true;
    try_end(server);
}

void core_server_drain(struct core_server *server)
{
    server->calls.draining = server->strays.draining = true;
    server->shut_down.handle = on_shut_down;
    grpc_server_shutdown_and_notify(server->server, server->loop.queue, &server->shut_down);
}

unsigned core_server_running(const struct core_server *server)
{
    return server->running;
}

void core_server_cancel(struct core_server *server)
{
    grpc_server_cancel_all_calls(server->server);
}

void core_server_destroy(struct core_server *server)
{
    if (!server)
        return;
    core_calls_finish(&server->calls);
    grpc_server_destroy(server->server);
    core_loop_finish(&server->loop);
    grpc_server_credentials_release(server->credentials);
    grpc_shutdown_blocking();
    free(server);
}
