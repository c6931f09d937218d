/* SPDX-License-Identifier: MIT */
#include "edges.h"

#include <stdlib.h>

#include "edge/core/server.h"
#include "edge/http/http_metrics.h"
#include "edge/http/pages.h"
#include "edge/http/server.h"
#include "edge/http/tls.h"
#include "edge/listener.h"
#include "observe/log.h"

#define DESCRIPTORS_OF_OURS 32 /* for the log, the loop, libraries, jobs and DNS lookups */

struct edges {
    uv_loop_t *loop;
    const struct address_list *listen;
    struct peers peers;
    struct listener *listener;
    struct core_server *core; /* NULL: no address is grpc:// */
    struct http_server *http; /* NULL: every address is grpc:// */
    struct http_site site, tls_site;
    struct tls_files *fresh_tls; /* a reload has read them; NULL: none */
};

static void on_accepted(void *data, int fd, enum scheme scheme)
{
    struct edges *edges = data;
    if (scheme == SCHEME_GRPC)
        core_server_add_connection(edges->core, fd);
    else
        http_server_add_connection(edges->http, fd, scheme == SCHEME_HTTPS ? &edges->tls_site : &edges->site);
}

static bool make_room(void *data)
{
    struct edges *edges = data;
    return http_server_make_room(edges->http);
}

/* The C core cannot close only some of its connections, so those stay open. */
static void on_removed(void *data, const struct sockaddr *address)
{
    struct edges *edges = data;
    if (edges->http)
        http_server_leave(edges->http, address);
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

static struct http_limits http_limits_of(const struct config *config)
{
    return (struct http_limits){ .max_message_bytes = (size_t)config->server.max_message_bytes,
                                 .max_concurrent_streams = (unsigned)config->server.max_concurrent_streams,
                                 .idle_timeout_ms = (unsigned)config->server.idle_timeout_ms,
                                 .max_connection_age_ms = (unsigned)config->server.max_connection_age_ms,
                                 .keepalive_ms = (unsigned)config->server.keepalive_ms,
                                 .request_timeout_ms = (unsigned)config->server.request_timeout_ms,
                                 .max_buffered_bytes = (size_t)config->server.max_buffered_bytes,
                                 .proxy_protocol_from = &config->server.proxy_protocol_from };
}

static struct tls_options tls_options_of(const struct config *config)
{
    return (struct tls_options){ .certificate = config->tls.certificate,
                                 .private_key = config->tls.private_key,
                                 .client_auth = (enum tls_client_auth)config->tls.client_auth,
                                 .client_ca = config->tls.client_ca,
                                 .client_names = config->tls.client_names,
                                 .ticket_keys = config->tls.ticket_keys };
}

int edges_read_tls(struct tls_files **files, const struct config *config)
{
    const struct tls_options options = tls_options_of(config);
    *files = NULL;
    if (!address_list_has(&config->server.listen, SCHEME_HTTPS))
        return 0;
    int rc = tls_files_create(files, &options);
    if (!rc)
        rc = tls_files_read(*files);
    if (!rc)
        return 0;
    tls_files_destroy(*files);
    *files = NULL;
    return rc;
}

static int start_http(struct edges *edges, struct context *context, const struct config *config,
                      struct tls_files *tls)
{
    struct http_server_options options = {
        .limits = http_limits_of(config),
        .peers = &edges->peers,
        .timers = context->timers,
        .tls = tls,
    };
    edges->site = (struct http_site){ .pages = http_pages(config->server.explorer), .has_calls = true };
    edges->tls_site = edges->site;
    edges->tls_site.has_tls = true;
    int rc = http_server_create(&edges->http, context->loop, context, &options);
    if (!rc)
        http_edge_tell_metrics(http_server_edge(edges->http));
    return rc;
}

/* How many file descriptors client connections must leave free: for database connections (those of standbys,
 * too), listeners, and DESCRIPTORS_OF_OURS. */
static unsigned descriptors_kept(const struct config *config)
{
    int lanes = config->database.read_connections + config->database.insert_connections +
                config->database.write_connections;
    return (unsigned)(lanes + config->database.read_connections + (int)config->server.listen.n) +
           DESCRIPTORS_OF_OURS;
}

static int start_listener(struct edges *edges, struct context *context, const struct config *config)
{
    struct listener_options options = { .listen = &config->server.listen,
                                        .max_connections = (unsigned)config->server.max_connections,
                                        .descriptors_kept = descriptors_kept(config),
                                        .max_connections_per_address =
                                            (unsigned)config->server.max_connections_per_address,
                                        .proxies = &config->server.proxy_protocol_from,
                                        .reuse_port = config->server.reuse_port,
                                        .holds_handed = true,
                                        .peers = &edges->peers,
                                        .on_accepted = on_accepted,
                                        .makes_room = edges->http ? make_room : NULL,
                                        .on_removed = on_removed,
                                        .data = edges };
    return listener_start(&edges->listener, context->loop, &options);
}

int edges_start(struct edges **out, struct context *context, const struct config *config,
                struct tls_files *tls, unsigned (*count_sent)(void *data), void *data)
{
    struct edges *edges = calloc(1, sizeof *edges);
    if (!edges)
        return UV_ENOMEM;
    *out = edges;
    edges->loop = context->loop;
    edges->listen = &config->server.listen;
    bool has_core = address_list_has(edges->listen, SCHEME_GRPC);
    bool has_http =
        address_list_has(edges->listen, SCHEME_HTTP) || address_list_has(edges->listen, SCHEME_HTTPS);
    int rc = has_core ? start_core(edges, context, config, count_sent, data) : 0;
    if (!rc && has_http)
        rc = start_http(edges, context, config, tls);
    if (!rc)
        rc = start_listener(edges, context, config);
    if (!rc)
        peers_tell_metrics(&edges->peers);
    return rc;
}

void edges_go(struct edges *edges)
{
    if (edges && edges->listener)
        listener_go(edges->listener);
}

void edges_run(struct edges *edges)
{
    if (edges->core)
        core_server_run(edges->core);
    while (edges->http && !http_server_is_over(edges->http))
        uv_run(edges->loop, UV_RUN_ONCE);
    if (edges->http)
        http_server_stop(edges->http);
}

bool edges_check(const struct config *config)
{
    struct tls_files *tls;
    if (edges_read_tls(&tls, config))
        return false;
    if (tls)
        tls_server_warn(tls);
    tls_files_destroy(tls);
    return true;
}

bool edges_has_core(const struct edges *edges)
{
    return edges->core;
}

/* An edge that was not created at the start is not created by a reload. */
static bool can_listen(const struct edges *edges, const struct address_list *listen)
{
    return (edges->core || !address_list_has(listen, SCHEME_GRPC)) &&
           (edges->http ||
            !(address_list_has(listen, SCHEME_HTTP) || address_list_has(listen, SCHEME_HTTPS)));
}

int edges_read(struct edges *edges, const struct config *fresh)
{
    tls_files_destroy(edges->fresh_tls);
    return edges_read_tls(&edges->fresh_tls, fresh);
}

int edges_prepare(struct edges *edges, const struct config *fresh)
{
    const struct address_list *listen = &fresh->server.listen;
    if (!can_listen(edges, listen)) {
        log_error(
            "server.listen has grpc:// first, or the others first, since svcd began: that takes a restart");
        return UV_ENOTSUP;
    }
    struct tls_files *tls = edges->fresh_tls;
    edges->fresh_tls = NULL;
    int rc = tls ? http_server_prepare_tls(edges->http, tls) : 0;
    return rc ? rc : listener_prepare(edges->listener, listen);
}

void edges_take(struct edges *edges, const struct config *config)
{
    listener_take(edges->listener, &config->server.listen);
    listener_reconfigure(edges->listener, (unsigned)config->server.max_connections,
                         (unsigned)config->server.max_connections_per_address,
                         &config->server.proxy_protocol_from);
    edges->site.pages = edges->tls_site.pages = http_pages(config->server.explorer);
    if (!edges->http)
        return;
    const struct http_limits limits = http_limits_of(config);
    http_server_reconfigure(edges->http, &limits);
    if (address_list_has(&config->server.listen, SCHEME_HTTPS))
        http_server_take_tls(edges->http);
}

void edges_drain(struct edges *edges)
{
    listener_stop(edges->listener);
    if (edges->core)
        core_server_drain(edges->core);
    if (edges->http)
        http_server_drain(edges->http);
}

unsigned edges_running(const struct edges *edges)
{
    return (edges->core ? core_server_running(edges->core) : 0) +
           (edges->http ? http_server_running(edges->http) : 0);
}

unsigned edges_connections(struct edges *edges)
{
    peers_sweep(&edges->peers, uv_hrtime() / 1000000);
    return edges->peers.n;
}

void edges_cancel(struct edges *edges)
{
    if (edges->core)
        core_server_cancel(edges->core);
    if (edges->http)
        http_server_cancel(edges->http);
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
    http_server_destroy(edges->http);
    listener_destroy(edges->listener);
    peers_finish(&edges->peers);
    tls_files_destroy(edges->fresh_tls);
    free(edges);
}
