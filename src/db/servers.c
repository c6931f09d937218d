/* SPDX-License-Identifier: MIT */
#include "db/servers.h"

#include <stdlib.h>

#include "db/params.h"
#include "db/server_ask.h"

#define LOOK_EVERY_MS 250
#define LOOK_FIRST_MS 20   /* between checks until each server has answered once */
#define FIRST_LOOK_MS 1000 /* at the start, how long to wait for servers that do not answer */

struct server {
    struct servers *servers;
    struct endpoint endpoint;
    struct database_params params;
    struct outage outage;
    struct pool pool;
    struct server_ask ask;
    bool was_told; /* it has answered, or failed to, at least once */
};

struct servers {
    struct primary primary;
    bool has_primary;
    uv_timer_t timer;
    void (*on_moved)(void *data);
    void *data;
    size_t n;
    struct server items[];
};

static void on_moved(void *data)
{
    const struct servers *servers = data;
    servers->on_moved(servers->data);
}

static void on_told(struct server_ask *ask)
{
    struct server *server = ask->data;
    struct primary *primary = &server->servers->primary;
    char why[512];
    server->was_told = ask->is_known || server->outage.attempts > 0;
    if (ask->is_known)
        (void)primary_is(primary, server->endpoint.host, server->endpoint.port, ask->state.in_recovery,
                         ask->state.at.timeline, why, sizeof why);
    bool all_told = true;
    for (size_t i = 0; i < server->servers->n; i++)
        all_told &= server->servers->items[i].was_told;
    if (!all_told || primary->look_until_ns == 0)
        return;
    primary->look_until_ns = 0;
    uv_timer_set_repeat(&server->servers->timer, LOOK_EVERY_MS);
}

static void on_look(uv_timer_t *timer)
{
    struct servers *servers = timer->data;
    uint64_t now_ns = uv_hrtime();
    for (size_t i = 0; i < servers->n; i++) {
        struct server *server = &servers->items[i];
        if (server_is_silent(&server->ask, now_ns))
            conn_replace(&server->pool.lanes[LANE_CONTROL].conns[0]);
        server_ask(&server->ask);
    }
}

static struct conn_options options_of(struct server *server, const struct config *config)
{
    database_params_set_for_server(&server->params, config, &server->endpoint);
    return database_conn_options(&server->params, config, 0);
}

static int server_start(struct server *server, uv_loop_t *loop, const struct config *config)
{
    struct pool_options options = { .conn = options_of(server, config),
                                    .connections = { [LANE_CONTROL] = 1 },
                                    .queue_max = 16 };
    outage_init(&server->outage);
    options.conn.outage = &server->outage;
    server->ask = (struct server_ask){ .pool = &server->pool, .on_told = on_told, .data = server };
    return pool_start(&server->pool, loop, &options);
}

int servers_start(struct servers **started, uv_loop_t *loop, const struct config *config,
                  void (*moved)(void *data), void *data)
{
    struct endpoint endpoints[ENDPOINTS_MAX];
    size_t n = endpoint_split(config->database.host, config->database.port, endpoints, ENDPOINTS_MAX);
    bool has_primary = n > 1 && config->database.target == TARGET_PRIMARY;
    if (!has_primary)
        n = 0;
    struct servers *servers = calloc(1, sizeof *servers + n * sizeof *servers->items);
    if (!servers)
        return UV_ENOMEM;
    *servers = (struct servers){ .has_primary = has_primary, .on_moved = moved, .data = data, .n = n };
    *started = servers;
    servers->primary = (struct primary){ .on_moved = on_moved,
                                         .data = servers,
                                         .look_until_ns = uv_hrtime() + FIRST_LOOK_MS * UINT64_C(1000000) };
    uv_timer_init(loop, &servers->timer);
    servers->timer.data = servers;
    int rc = n > 0 ? uv_timer_start(&servers->timer, on_look, 1, LOOK_FIRST_MS) : 0;
    for (size_t i = 0; i < n && !rc; i++) {
        servers->items[i].servers = servers;
        servers->items[i].endpoint = endpoints[i];
        rc = server_start(&servers->items[i], loop, config);
    }
    return rc;
}

void servers_renew(struct servers *servers, const struct config *config, bool has_other_login)
{
    for (size_t i = 0; i < servers->n; i++) {
        const struct conn_options options = options_of(&servers->items[i], config);
        pool_renew(&servers->items[i].pool, &options, has_other_login);
    }
}

struct primary *servers_primary(struct servers *servers)
{
    return servers->has_primary ? &servers->primary : NULL;
}

void servers_stop(struct servers *servers)
{
    if (!servers)
        return;
    uv_close((uv_handle_t *)&servers->timer, NULL);
    for (size_t i = 0; i < servers->n; i++)
        pool_stop(&servers->items[i].pool);
}

void servers_destroy(struct servers *servers)
{
    for (size_t i = 0; servers && i < servers->n; i++)
        pool_finish(&servers->items[i].pool);
    free(servers);
}
