/* SPDX-License-Identifier: MIT
 *
 * A second instance of svcd's own edge, which shares nothing with that of the clients: neither connections,
 * nor memory budget, nor allowed origins. It has few connections; a new one replaces the oldest.
 */
#include "admin/admin.h"

#include <stdlib.h>
#include <string.h>

#include "admin/gate.h"
#include "admin/pages.h"
#include "base/wall_clock.h"
#include "edge/http/server.h"
#include "edge/listener.h"
#include "observe/log.h"

#define CONNECTIONS_MAX  32
#define IDLE_MS          60000
#define REQUEST_MS       10000
#define BUFFERED_MAX     16777216 /* bytes: enough for /metrics on every connection at once */
#define STREAMS_MAX      16
#define REQUEST_BODY_MAX 1024

struct admin {
    struct admin_view view;
    struct admin_gate gate;
    struct http_page pages[ADMIN_PAGES_MAX];
    struct http_site site;
    struct peers peers;
    struct http_server *server;
    struct listener *listener;
};

static void on_accepted(void *data, int fd, enum scheme scheme)
{
    struct admin *admin = data;
    (void)scheme;
    http_server_add_connection(admin->server, fd, &admin->site);
}

static int start_server(struct admin *admin, uv_loop_t *loop)
{
    static const struct network_list nobody;
    struct context *context = admin->view.options.context;
    struct http_server_options options = { .limits = { .max_message_bytes = REQUEST_BODY_MAX,
                                                       .max_concurrent_streams = STREAMS_MAX,
                                                       .idle_timeout_ms = IDLE_MS,
                                                       .request_timeout_ms = REQUEST_MS,
                                                       .max_buffered_bytes = BUFFERED_MAX,
                                                       .connections_max = CONNECTIONS_MAX,
                                                       .proxy_protocol_from = &nobody },
                                           .peers = &admin->peers,
                                           .timers = context->timers };
    admin_pages_set(admin->pages, &admin->view);
    admin->site =
        (struct http_site){ .pages = admin->pages, .admits = admin_gate_admits, .data = &admin->gate };
    return http_server_create(&admin->server, loop, context, &options);
}

static int start_listener(struct admin *admin, uv_loop_t *loop)
{
    struct listener_options options = { .listen = &admin->view.options.config->admin.listen,
                                        .max_connections = 2 * CONNECTIONS_MAX, /* never reached */
                                        .told_as = "status page",
                                        .peers = &admin->peers,
                                        .on_accepted = on_accepted,
                                        .data = admin };
    return listener_start(&admin->listener, loop, &options);
}

int admin_start(struct admin **out, uv_loop_t *loop, const struct admin_options *options,
                const struct admin_gate *gate)
{
    *out = NULL;
    struct admin *admin = calloc(1, sizeof *admin);
    if (!admin)
        return UV_ENOMEM;
    admin->view.options = *options;
    admin->gate = *gate;
    admin->view.started_ms = wall_clock_ms();
    *out = admin; /* also on failure, after which the process ends anyway */
    int rc = history_start(&admin->view.history, loop);
    if (!rc)
        rc = start_server(admin, loop);
    return rc ? rc : start_listener(admin, loop);
}

int admin_prepare(struct admin *admin, const struct address_list *listen)
{
    return listener_prepare(admin->listener, listen);
}

void admin_forgo(struct admin *admin)
{
    listener_forgo(admin->listener);
}

void admin_take(struct admin *admin, const struct admin_gate *gate)
{
    admin->gate = *gate;
    listener_take(admin->listener, &admin->view.options.config->admin.listen);
}

void admin_stop(struct admin *admin)
{
    listener_stop(admin->listener);
    http_server_stop(admin->server);
    history_stop(&admin->view.history);
}

void admin_destroy(struct admin *admin)
{
    if (!admin)
        return;
    http_server_destroy(admin->server);
    listener_destroy(admin->listener);
    peers_finish(&admin->peers);
    history_finish(&admin->view.history);
    explicit_bzero(&admin->gate, sizeof admin->gate);
    free(admin);
}
