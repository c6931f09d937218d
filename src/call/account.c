/* SPDX-License-Identifier: MIT */
#include "call/account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop_clock.h"
#include "call/method.h"
#include "db/query.h"
#include "observe/grpc_codes.h"
#include "observe/metrics.h"

const char *const account_wait_names[ACCOUNT_WAITS] = { "queue", "database", "hash" };

/* ---- the totals ---- */

/* Of one statement's executions. */
struct statement_account {
    uint64_t n, sum_ns, failed;
};

static struct method_account *methods;       /* rpc_methods_n + 1: the last for unknown ones */
static struct statement_account *statements; /* sql_statements_n */
static struct histogram lane_waits[LANES];

/* Allocates the totals on first use; they live as long as the process. Without memory nothing is counted. */
static bool open_books(void)
{
    if (methods)
        return true;
    struct method_account *all = calloc(rpc_methods_n + 1, sizeof *all);
    statements = calloc(sql_statements_n, sizeof *statements);
    if (all && statements)
        methods = all;
    else
        free(all);
    return methods != NULL;
}

static bool is_known(const struct rpc_method *method)
{
    return method >= rpc_methods && method < rpc_methods + rpc_methods_n;
}

const struct method_account *account_of_method(size_t number)
{
    return open_books() ? &methods[number] : NULL;
}

/* NULL for jobs and commands, whose methods are not in rpc_methods. */
static struct method_account *account_of(const struct rpc_method *method)
{
    return is_known(method) && open_books() ? &methods[method - rpc_methods] : NULL;
}

/* ---- a call ---- */

void account_reset(struct call_account *own)
{
    memset(own->waited_ns, 0, sizeof own->waited_ns);
    own->received_len = own->sent_len = 0;
    own->request_id[0] = own->trace_id[0] = '\0';
}

void account_begun(struct call_account *own, const struct rpc_method *method)
{
    account_reset(own);
    own->begun_ns = loop_clock_now();
    own->of = account_of(method);
    if (own->of)
        own->of->begun++;
}

void account_received(struct call_account *own, size_t len)
{
    own->received_len += len;
    if (own->of)
        own->of->received++;
}

void account_sent(struct call_account *own, size_t len)
{
    own->sent_len += len;
    if (own->of)
        own->of->sent++;
}

void account_waited(struct call_account *own, enum account_wait wait, uint64_t ns)
{
    own->waited_ns[wait] += ns;
}

bool account_answered(struct call_account *own, unsigned status, uint64_t *took_ns)
{
    struct method_account *of = own->of;
    if (!of)
        return false;
    uint64_t now_ns = loop_clock_now();
    if (now_ns == own->begun_ns) /* the call waited for nothing, and ends in the event that began it */
        now_ns = loop_clock_read();
    *took_ns = now_ns - own->begun_ns;
    own->of = NULL;
    of->handled[status]++;
    histogram_add_time(&of->seconds, *took_ns);
    for (enum account_wait wait = 0; wait < ACCOUNT_WAITS; wait++)
        of->waited_ns[wait] += own->waited_ns[wait];
    return true;
}

void account_refused(const struct rpc_method *method, unsigned status)
{
    if (!open_books())
        return;
    struct method_account *account = method ? account_of(method) : NULL;
    if (!account)
        account = &methods[rpc_methods_n];
    account->begun++;
    account->handled[status]++;
    histogram_add_time(&account->seconds, 0);
}

/* ---- queries ---- */

/* A query that came back without having been sent has only waited for a connection. */
uint64_t account_query(struct call_account *own, const struct query *query, bool is_failed)
{
    const struct statement *statement = query->statement;
    uint64_t now_ns = loop_clock_now(), sent_ns = query->sent_ns ? query->sent_ns : now_ns;
    uint64_t queued_ns = sent_ns - query->submitted_ns, took_ns = now_ns - sent_ns;
    account_waited(own, WAIT_QUEUE, queued_ns);
    account_waited(own, WAIT_DATABASE, took_ns);
    bool is_listed = statement->number < sql_statements_n && sql_statements[statement->number] == statement;
    if (!is_listed || !open_books())
        return took_ns;
    histogram_add_time(&lane_waits[statement->lane], queued_ns);
    struct statement_account *account = &statements[statement->number];
    account->n += query->sent_ns != 0;
    account->sum_ns += took_ns;
    account->failed += is_failed;
    return took_ns;
}

/* ---- metrics ---- */

uint64_t account_running(void)
{
    uint64_t running = 0;
    for (size_t i = 0; methods && i <= rpc_methods_n; i++) {
        running += methods[i].begun;
        for (unsigned code = 0; code < GRPC_CODES; code++)
            running -= methods[i].handled[code];
    }
    return running;
}

struct names {
    const char *type, *method;
    char service[128];
};

/* Splits "/package.Service/Method" into service and method. */
static void name_method(struct names *names, size_t number)
{
    static const char *const types[] = {
        [METHOD_UNARY] = "unary", [METHOD_SERVER_STREAM] = "server_stream", [METHOD_DIALOGUE] = "bidi_stream"
    };
    const struct rpc_method *method = number < rpc_methods_n ? &rpc_methods[number] : NULL;
    const char *path = method ? method->path : "/unknown/unknown", *slash = strrchr(path, '/');
    names->type = types[method ? method->kind : METHOD_UNARY];
    names->method = slash + 1;
    snprintf(names->service, sizeof names->service, "%.*s", (int)(slash - path - 1), path + 1);
}

static void tell_method(struct metrics_out *out, enum metric metric, const struct method_account *account,
                        const struct names *of)
{
    switch (metric) {
    case METRIC_grpc_server_started_total:
        metrics_put(out, metric, account->begun, of->type, of->service, of->method);
        break;
    case METRIC_grpc_server_msg_received_total:
        metrics_put(out, metric, account->received, of->type, of->service, of->method);
        break;
    case METRIC_grpc_server_msg_sent_total:
        metrics_put(out, metric, account->sent, of->type, of->service, of->method);
        break;
    case METRIC_grpc_server_handled_total:
        for (unsigned code = 0; code < GRPC_CODES; code++)
            metrics_put(out, metric, account->handled[code], of->type, of->service, of->method,
                        grpc_code_metric(code));
        break;
    case METRIC_grpc_server_handling_seconds:
        metrics_put_histogram(out, metric, &account->seconds, of->type, of->service, of->method);
        break;
    default:
        for (enum account_wait wait = 0; wait < ACCOUNT_WAITS; wait++)
            metrics_put(out, metric, account->waited_ns[wait], of->service, of->method,
                        account_wait_names[wait]);
    }
}

static void tell_methods(struct metrics_out *out, enum metric metric, const void *owner)
{
    (void)owner;
    for (size_t i = 0; open_books() && i <= rpc_methods_n; i++) {
        struct names names;
        name_method(&names, i);
        tell_method(out, metric, &methods[i], &names);
    }
}

static void tell_running(struct metrics_out *out, enum metric metric, const void *owner)
{
    (void)owner;
    metrics_put(out, metric, account_running());
}

static void tell_statements(struct metrics_out *out, enum metric metric, const void *owner)
{
    (void)owner;
    for (size_t i = 0; open_books() && i < sql_statements_n; i++) {
        const struct statement *statement = sql_statements[i];
        const char *lane = lane_name(statement->lane);
        if (metric == METRIC_svcd_database_statement_seconds)
            metrics_put_summary(out, metric, statements[i].n, statements[i].sum_ns, statement->name, lane);
        else
            metrics_put(out, metric, statements[i].failed, statement->name, lane);
    }
}

static void tell_lanes(struct metrics_out *out, enum metric metric, const void *owner)
{
    (void)owner;
    for (enum lane lane = 0; lane < LANES; lane++)
        metrics_put_histogram(out, metric, &lane_waits[lane], lane_name(lane));
}

void account_tell_metrics(void)
{
    metrics_set_reader(METRIC_grpc_server_started_total, tell_methods, NULL);
    metrics_set_reader(METRIC_grpc_server_handled_total, tell_methods, NULL);
    metrics_set_reader(METRIC_grpc_server_msg_received_total, tell_methods, NULL);
    metrics_set_reader(METRIC_grpc_server_msg_sent_total, tell_methods, NULL);
    metrics_set_reader(METRIC_grpc_server_handling_seconds, tell_methods, NULL);
    metrics_set_reader(METRIC_svcd_call_wait_seconds_total, tell_methods, NULL);
    metrics_set_reader(METRIC_svcd_calls_running, tell_running, NULL);
    metrics_set_reader(METRIC_svcd_database_statement_seconds, tell_statements, NULL);
    metrics_set_reader(METRIC_svcd_database_statement_failures_total, tell_statements, NULL);
    metrics_set_reader(METRIC_svcd_database_wait_seconds, tell_lanes, NULL);
}
