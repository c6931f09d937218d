/* SPDX-License-Identifier: MIT */
#include "db/dial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "db/connecting.h"
#include "db/params.h"

/* ---- addresses ---- */

/* A loop of its own, for the thread that resolves names may hang in there. */
struct search {
    uv_loop_t loop;
    uv_timer_t timer;
    struct lookup *lookup;
    struct dial *dial;
    bool is_over;
};

static void on_found(void *data, const struct endpoints *found)
{
    struct search *search = data;
    search->lookup = NULL;
    search->dial->endpoints = *found;
    search->is_over = true;
}

static void on_late(uv_timer_t *timer)
{
    struct search *search = container_of(timer, struct search, timer);
    search->dial->timed_out = search->is_over = true;
}

static void find(struct dial *dial, const char *const *keywords, const char *const *values,
                 unsigned timeout_ms)
{
    struct search search = { .dial = dial };
    const char *hosts = params_find(keywords, values, "host", "PGHOST");
    if (uv_loop_init(&search.loop))
        return;
    uv_timer_init(&search.loop, &search.timer);
    uv_timer_start(&search.timer, on_late, timeout_ms, 0);
    search.is_over = lookup_start(&search.lookup, &search.loop, hosts, getenv("PGHOSTADDR") ?: "",
                                  params_find(keywords, values, "port", "PGPORT"), "", on_found, &search);
    while (!search.is_over)
        uv_run(&search.loop, UV_RUN_ONCE);
    lookup_abandon(search.lookup);
    uv_close((uv_handle_t *)&search.timer, NULL);
    uv_run(&search.loop, UV_RUN_DEFAULT);
    uv_loop_close(&search.loop);
    if (dial->timed_out)
        snprintf(dial->why, sizeof dial->why, "%.300s: still being looked up by the resolver\n", hosts);
    else if (dial->endpoints.n == 0)
        snprintf(dial->why, sizeof dial->why, "%s\n",
                 *dial->endpoints.error ? dial->endpoints.error : "out of memory");
}

/* ---- servers ---- */

static void note(struct dial *dial, const char *text)
{
    size_t len = strlen(dial->why);
    snprintf(dial->why + len, sizeof dial->why - len, "%s", text);
}

static void note_timeout(struct dial *dial, const struct endpoint *endpoint)
{
    char where[ENDPOINT_TEXT_LEN], text[ENDPOINT_TEXT_LEN + 64];
    endpoint_format(endpoint, where);
    snprintf(text, sizeof text, "the server %s timed out while connecting\n", where);
    note(dial, text);
    dial->timed_out = true;
}

/* Whether there is an outcome before the end. */
static bool talk(PGconn *pg, uint64_t end_ns)
{
    PostgresPollingStatusType wants = PGRES_POLLING_WRITING;
    while (!connecting_is_over(pg, wants)) {
        uint64_t now_ns = uv_hrtime();
        if (now_ns >= end_ns)
            return false;
        connecting_go_on(pg, &wants, (int)((end_ns - now_ns) / 1000000 + 1));
    }
    return true;
}

static bool try_server(struct dial *dial, const char *const *keywords, const char *const *values,
                       const struct endpoint *endpoint, uint64_t end_ns)
{
    const char *const pairs[][2] = { { "host", endpoint->host },
                                     { "hostaddr", endpoint->address },
                                     { "port", endpoint->port },
                                     { "gssencmode", "disable" } }; /* as in conn_connect.c */
    params_replace(keywords, values, pairs, sizeof pairs / sizeof *pairs, dial->keywords, dial->values);
    dial->pg = PQconnectStartParams(dial->keywords, dial->values, 0);
    bool is_over = !dial->pg || talk(dial->pg, end_ns);
    if (dial->pg && PQstatus(dial->pg) == CONNECTION_OK)
        return true;
    if (is_over)
        note(dial, dial->pg ? PQerrorMessage(dial->pg) : "out of memory\n");
    else
        note_timeout(dial, endpoint);
    snprintf(dial->user, sizeof dial->user, "%s", dial->pg ? PQuser(dial->pg) ?: "" : "");
    PQfinish(dial->pg);
    dial->pg = NULL;
    return false;
}

bool dial(struct dial *dial, const char *const *keywords, const char *const *values, unsigned timeout_ms)
{
    uint64_t end_ns = uv_hrtime() + timeout_ms * UINT64_C(1000000);
    *dial = (struct dial){ 0 };
    find(dial, keywords, values, timeout_ms);
    size_t n = dial->endpoints.n;
    for (size_t i = 0; i < n; i++) {
        uint64_t now_ns = uv_hrtime(), left_ns = end_ns > now_ns ? end_ns - now_ns : 0;
        if (try_server(dial, keywords, values, &dial->endpoints.items[i], now_ns + left_ns / (n - i)))
            return true;
    }
    return false;
}
