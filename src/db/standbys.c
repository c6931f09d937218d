/* SPDX-License-Identifier: MIT */
#include "db/standbys.h"

#include <stdio.h>
#include <stdlib.h>

#include "db/params.h"
#include "db/server_ask.h"
#include "observe/log.h"
#include "observe/metrics.h"

#define NS_PER_MS   UINT64_C(1000000)
#define PRIMARY_BIT 63 /* of query->tried; standby i has bit i */
#define SAMPLES     64
#define ASK_PARTS   8 /* position questions asked in each allowed lag */
#define ASK_MIN_MS  20
#define ASK_MAX_MS  2000

struct standby {
    struct endpoint endpoint;
    char label[270]; /* host:port */
    struct database_params params;
    struct outage outage;
    struct pool pool;
    struct server_ask ask;
    uint64_t answered_n, failed_n; /* reads */
};

/* A position, and when the primary had reached it. */
struct sample {
    uint64_t lsn, at_ns;
};

struct standbys {
    struct pool *primary;
    struct server_ask primary_ask;
    uint32_t timeline; /* on which the samples were taken */
    struct sample samples[SAMPLES];
    size_t samples_n; /* taken so far; the last SAMPLES of them are kept */
    uint64_t max_lag_ns;
    uint64_t stale_n;
    uv_timer_t timer;
    size_t turn;
    size_t n;
    struct standby items[];
};

/* ---- looking ---- */

static void on_primary_told(struct server_ask *ask)
{
    struct standbys *standbys = ask->data;
    const struct server_state *state = &ask->state;
    if (!ask->is_known || state->in_recovery)
        return;
    if (state->at.timeline != standbys->timeline)
        standbys->samples_n = 0;
    standbys->timeline = state->at.timeline;
    standbys->samples[standbys->samples_n++ % SAMPLES] =
        (struct sample){ .lsn = state->at.lsn, .at_ns = ask->known_ns };
    if (!state->is_noted)
        server_note(ask, state->at.timeline);
}

static void on_standby_told(struct server_ask *ask)
{
    (void)ask; /* its state is used when the next read comes */
}

static void on_time(uv_timer_t *timer)
{
    struct standbys *standbys = timer->data;
    server_ask(&standbys->primary_ask);
    for (size_t i = 0; i < standbys->n; i++) {
        struct standby *standby = &standbys->items[i];
        if (server_is_silent(&standby->ask, uv_hrtime()))
            conn_replace(&standby->pool.lanes[LANE_CONTROL].conns[0]);
        server_ask(&standby->ask);
    }
}

/* ---- choosing ---- */

static bool is_up(const struct standby *standby)
{
    return standby->ask.is_known && standby->pool.lanes[LANE_READ].up > 0 &&
           !server_is_silent(&standby->ask, uv_hrtime());
}

/* The lag of a standby in nanoseconds; UINT64_MAX: unknown. */
static uint64_t lag_ns(const struct standbys *standbys, const struct standby *standby, uint64_t now_ns)
{
    size_t kept_n = standbys->samples_n < SAMPLES ? standbys->samples_n : SAMPLES;
    if (!standby->ask.is_known || standby->ask.state.at.timeline != standbys->timeline)
        return UINT64_MAX;
    for (size_t i = 0; i < kept_n; i++) {
        const struct sample *sample = &standbys->samples[(standbys->samples_n - 1 - i) % SAMPLES];
        if (sample->lsn <= standby->ask.state.at.lsn)
            return now_ns - sample->at_ns;
    }
    return UINT64_MAX;
}

static bool primary_answers(const struct standbys *standbys)
{
    return standbys->primary->lanes[LANE_READ].up > 0 &&
           !server_is_silent(&standbys->primary_ask, uv_hrtime());
}

/* A standby that is not too far behind, round robin; NULL: there is none. */
static struct standby *fresh_one(struct standbys *standbys, const struct query *query)
{
    uint64_t now_ns = uv_hrtime();
    for (size_t i = 0; i < standbys->n; i++) {
        struct standby *standby = &standbys->items[standbys->turn++ % standbys->n];
        bool has_it = !query->after.timeline || position_is_reached(query->after, &standby->ask.state);
        if (is_up(standby) && has_it && lag_ns(standbys, standby, now_ns) <= standbys->max_lag_ns)
            return standby;
    }
    return NULL;
}

static bool was_tried(const struct query *query, size_t bit)
{
    return query->tried >> bit & 1;
}

static bool is_further(const struct position *a, const struct position *b)
{
    return a->timeline != b->timeline ? a->timeline > b->timeline : a->lsn > b->lsn;
}

/* The standby that is furthest ahead, of those that the query has not tried; NULL: there is none. */
static struct standby *furthest_one(struct standbys *standbys, const struct query *query)
{
    struct standby *found = NULL;
    for (size_t i = 0; i < standbys->n; i++) {
        struct standby *standby = &standbys->items[i];
        if (!is_up(standby) || was_tried(query, i))
            continue;
        if (!found || is_further(&standby->ask.state.at, &found->ask.state.at))
            found = standby;
    }
    return found;
}

static int submit_to(struct pool *pool, struct query *query, size_t bit)
{
    query->pool = pool;
    query->tried |= UINT64_C(1) << bit;
    return pool_submit(pool, query);
}

static int submit_to_standby(struct standbys *standbys, struct standby *standby, struct query *query)
{
    return submit_to(&standby->pool, query, (size_t)(standby - standbys->items));
}

static int submit_stale(struct standbys *standbys, struct query *query)
{
    struct standby *standby;
    while ((standby = furthest_one(standbys, query))) {
        query->is_stale = true;
        if (submit_to_standby(standbys, standby, query) == 0)
            return 0;
    }
    query->is_stale = false;
    return UV_ENOTCONN;
}

int standbys_submit(struct standbys *standbys, struct pool *primary, struct query *query)
{
    query->tried = 0;
    query->is_stale = false;
    query->pool = NULL;
    bool may = standbys && query->statement->standby;
    if (may && !primary_answers(standbys) && submit_stale(standbys, query) == 0)
        return 0;
    struct standby *standby = may ? fresh_one(standbys, query) : NULL;
    if (standby && submit_to_standby(standbys, standby, query) == 0)
        return 0;
    return submit_to(primary, query, PRIMARY_BIT);
}

static struct standby *standby_of(struct standbys *standbys, const struct pool *pool)
{
    for (size_t i = 0; i < standbys->n; i++)
        if (&standbys->items[i].pool == pool)
            return &standbys->items[i];
    return NULL;
}

static bool is_worth_another(const struct query *query, const struct query_outcome *outcome, bool is_primarys)
{
    if (query->unwanted)
        return false;
    return outcome->end == QUERY_LOST ||
           (!is_primarys && (outcome->end == QUERY_FAILED || outcome->end == QUERY_BEHIND));
}

bool standbys_try_again(struct standbys *standbys, struct query *query, const struct query_outcome *outcome)
{
    if (!standbys || !query->statement->standby)
        return false;
    struct standby *standby = standby_of(standbys, query->pool);
    if (standby && outcome->end == QUERY_DONE)
        standby->answered_n++;
    if (outcome->end == QUERY_DONE)
        standbys->stale_n += query->is_stale;
    if (!is_worth_another(query, outcome, !standby))
        return false;
    if (standby) {
        standby->failed_n++;
        log_debug("a standby did not answer a read", log_str("standby", standby->label),
                  log_str("sqlstate", outcome->sqlstate), log_str("reason", outcome->message));
    }
    query->is_stale = false;
    if (!was_tried(query, PRIMARY_BIT) && primary_answers(standbys) &&
        submit_to(standbys->primary, query, PRIMARY_BIT) == 0)
        return true;
    return submit_stale(standbys, query) == 0;
}

/* ---- start and stop ---- */

static struct conn_options options_of(struct standby *standby, const struct config *config)
{
    database_params_set_for_server(&standby->params, config, &standby->endpoint);
    return database_conn_options(&standby->params, config, database_answer_timeout_ms(config));
}

static void count_lanes(const struct config *config, unsigned connections[LANES])
{
    memset(connections, 0, LANES * sizeof *connections);
    connections[LANE_READ] = (unsigned)config->database.read_connections;
    connections[LANE_CONTROL] = 1;
}

static int standby_start(struct standby *standby, uv_loop_t *loop, const struct config *config)
{
    snprintf(standby->label, sizeof standby->label, "%s%s%s", standby->endpoint.host,
             *standby->endpoint.port ? ":" : "", standby->endpoint.port);
    struct pool_options options = { .conn = options_of(standby, config),
                                    .queue_max = (unsigned)config->database.queue_limit };
    count_lanes(config, options.connections);
    outage_init(&standby->outage);
    options.conn.outage = &standby->outage;
    options.conn.is_standby = true;
    standby->ask = (struct server_ask){ .pool = &standby->pool, .on_told = on_standby_told };
    return pool_start(&standby->pool, loop, &options);
}

static unsigned interval_ms(const struct config *config)
{
    unsigned ms = (unsigned)config->database.read_max_lag_ms / ASK_PARTS;
    return ms < ASK_MIN_MS ? ASK_MIN_MS : ms > ASK_MAX_MS ? ASK_MAX_MS : ms;
}

static void set_lag(struct standbys *standbys, const struct config *config)
{
    standbys->max_lag_ns = (uint64_t)config->database.read_max_lag_ms * NS_PER_MS;
    uv_timer_set_repeat(&standbys->timer, interval_ms(config));
}

void standbys_renew(struct standbys *standbys, const struct config *config, bool has_other_login)
{
    unsigned connections[LANES];
    if (!standbys)
        return;
    count_lanes(config, connections);
    set_lag(standbys, config);
    for (size_t i = 0; i < standbys->n; i++) {
        struct pool *pool = &standbys->items[i].pool;
        const struct conn_options options = options_of(&standbys->items[i], config);
        pool_renew(pool, &options, has_other_login);
        if (pool_reconfigure(pool, connections, (unsigned)config->database.queue_limit))
            log_error("out of memory: a standby has fewer connections than configured");
    }
}

int standbys_start(struct standbys **started, uv_loop_t *loop, const struct config *config,
                   struct pool *primary)
{
    struct endpoint endpoints[ENDPOINTS_MAX];
    const char *port = *config->database.read_port ? config->database.read_port : config->database.port;
    if (!*config->database.read_host)
        return 0;
    size_t n = endpoint_split(config->database.read_host, port, endpoints, ENDPOINTS_MAX);
    struct standbys *standbys = calloc(1, sizeof *standbys + n * sizeof *standbys->items);
    if (!standbys)
        return UV_ENOMEM;
    *started = standbys;
    standbys->n = n;
    standbys->primary = primary;
    standbys->primary_ask =
        (struct server_ask){ .pool = primary, .on_told = on_primary_told, .data = standbys };
    uv_timer_init(loop, &standbys->timer);
    standbys->timer.data = standbys;
    int rc = uv_timer_start(&standbys->timer, on_time, 0, interval_ms(config));
    set_lag(standbys, config);
    for (size_t i = 0; i < n && !rc; i++) {
        standbys->items[i].endpoint = endpoints[i];
        rc = standby_start(&standbys->items[i], loop, config);
    }
    return rc;
}

void standbys_stop(struct standbys *standbys)
{
    if (!standbys)
        return;
    uv_close((uv_handle_t *)&standbys->timer, NULL);
    for (size_t i = 0; i < standbys->n; i++)
        pool_stop(&standbys->items[i].pool);
}

void standbys_destroy(struct standbys *standbys)
{
    for (size_t i = 0; standbys && i < standbys->n; i++)
        pool_finish(&standbys->items[i].pool);
    free(standbys);
}

/* ---- metrics ---- */

static void tell(struct metrics_out *out, enum metric metric, const void *owner)
{
    const struct standbys *standbys = owner;
    uint64_t now_ns = uv_hrtime();
    if (metric == METRIC_svcd_database_stale_reads_total) {
        metrics_put(out, metric, standbys ? standbys->stale_n : 0);
        return;
    }
    for (size_t i = 0; i < standbys->n; i++) {
        const struct standby *standby = &standbys->items[i];
        uint64_t lag = lag_ns(standbys, standby, now_ns);
        if (metric == METRIC_svcd_database_standby_up)
            metrics_put(out, metric, is_up(standby), standby->label);
        else if (metric == METRIC_svcd_database_standby_reads_total)
            metrics_put(out, metric, standby->answered_n, standby->label);
        else if (metric == METRIC_svcd_database_standby_failures_total)
            metrics_put(out, metric, standby->failed_n, standby->label);
        else if (lag != UINT64_MAX)
            metrics_put(out, metric, lag, standby->label);
    }
}

void standbys_tell_metrics(const struct standbys *standbys)
{
    metrics_set_reader(METRIC_svcd_database_stale_reads_total, tell, standbys);
    static const enum metric metrics[] = { METRIC_svcd_database_standby_up,
                                           METRIC_svcd_database_standby_lag_seconds,
                                           METRIC_svcd_database_standby_reads_total,
                                           METRIC_svcd_database_standby_failures_total };
    for (size_t i = 0; standbys && i < sizeof metrics / sizeof *metrics; i++)
        metrics_set_reader(metrics[i], tell, standbys);
}
