/* SPDX-License-Identifier: MIT */
#include "edges.h"

#include <stdlib.h>

#include "edge/core/server.h"
#include "edge/listener.h"

struct edges {
    struct peers peers;
    struct listener *listener;
    struct core_server *core;
};

static void on_accepted(void *data, int fd, size_t from)
{
    struct edges *edges = data;
    (void)from;
    core_server_add_connection(edges->core, fd);
}

static int start_core(struct edges *edges, struct context *context, const struct config *config,
                      unsigned (*count_sent)(void *data), void *data)
{
    struct core_server_options options = { .max_message_bytes = config->server.max_message_bytes,
                                           .max_concurrent_streams = config->server.max_concurrent_streams,
                                           .idle_timeout_ms = config->server.grpc_idle_timeout_ms,
                                           .peers = &edges->peers,
                                           .count_sent = count_sent,
                                           .data = data };
    return core_server_create(&edges->core, context->loop, context, &options);
}

static int start_listener(struct edges *edges, struct context *context, const struct config *config)
{
    struct listener_options options = { .listen = &config->server.listen,
                                        .max_connections = (unsigned)config->server.max_connections,
                                        .max_connections_per_address =
                                            (unsigned)config->server.max_connections_per_address,
                                        .reuse_port = config->server.reuse_port,
                                        .peers = &edges->peers,
                                        .on_accepted = on_accepted,
                                        .data = edges };
    return listener_start(&edges->listener, context->loop, &options);
}

int edges_start(struct edges **out, struct context *context, const struct config *config,
                unsigned (*count_sent)(void *data), void *data)
{
    struct edges *edges = calloc(1, sizeof *edges);
    if (!edges)
        return UV_ENOMEM;
    *out = edges;
    peers_tell_metrics(&edges->peers, (unsigned)config->server.max_connections);
    int rc = start_core(edges, context, config, count_sent, data);
    return rc ? rc : start_listener(edges, context, config);
}

void edges_run(struct edges *edges)
{
    core_server_run(edges->core);
}

void edges_drain(struct edges *edges)
{
    listener_stop(edges->listener);
    core_server_drain(edges->core);
}

unsigned edges_running(const struct edges *edges)
{
    return core_server_running(edges->core);
}

unsigned edges_connections(struct edges *edges)
{
    peers_sweep(&edges->peers, uv_hrtime() / 1000000);
    return edges->peers.n;
}

void edges_cancel(struct edges *edges)
{
    core_server_cancel(edges->core);
}

void edges_cut(struct edges *edges)
{
    peers_cut(&edges->peers);
}

void edges_destroy(struct edges *edges)
{
    if (!edges)
        return;
    core_server_destroy(edges->core);
    listener_destroy(edges->listener);
    peers_finish(&edges->peers);
    free(edges);
}
