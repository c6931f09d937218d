/* SPDX-License-Identifier: MIT */
#include "trace/otlp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/state.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "trace/http_post.h"
#include "trace/otlp_message.h"

#define PATH         "/v1/traces"
#define GATHER_MS    1000
#define BATCH_LEN    65536 /* bytes of spans that are sent without waiting GATHER_MS */
#define TIMEOUT_MS   10000
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 30000
#define REMIND_MS    600000
#define STOP_MS      500
#define LEAVE_MS     10000 /* how long a replaced exporter may still send */

enum otlp_state { IDLE, SENDING, RETRYING, CLOSED };

static const struct state_machine states = {
    .of = "trace exporter",
    .names = { "IDLE", "SENDING", "RETRYING", "CLOSED" },
    .next = { [IDLE] = TO(SENDING) | TO(CLOSED),
              [SENDING] = TO(IDLE) | TO(RETRYING) | TO(CLOSED),
              [RETRYING] = TO(SENDING) | TO(CLOSED) },
};

struct otlp {
    enum otlp_state state;
    char *url;
    char *told_as; /* the URL for the log: without what follows "?", which may be a secret */
    struct http_post *post;
    struct otlp_resource resource;
    struct bytes spans; /* the waiting spans */
    unsigned spans_n;
    struct bytes request; /* the request being sent, with its spans */
    unsigned request_n;
    uv_timer_t timer; /* IDLE: until the spans are sent; RETRYING: the backoff; stopping: the time limit */
    uint64_t pause_ms;
    bool is_stopping;
    bool is_replaced; /* destroys itself; in the list `leaving`: */
    LIST_ENTRY(otlp) link;
    bool is_away;
    uint64_t told_ms, dropped_before; /* when is_away was logged last; spans dropped before it began */
    uint64_t told_partly_ms;          /* when partial rejection was logged last; 0: never */
    int64_t rejected_n;               /* spans rejected since then */
};

static LIST_HEAD(, otlp) leaving; /* replaced exporters that still send */

static void move(struct otlp *otlp, enum otlp_state to)
{
    otlp->state = state_move(&states, otlp->state, to);
}

/* ---- counting ---- */

enum drop { DROP_FULL, DROP_REFUSED, DROP_STOPPED, DROPS };
static const char *const drop_names[DROPS] = { "buffer_full", "refused", "stopped" };
static uint64_t sent_n, dropped_n[DROPS];

static uint64_t dropped(void)
{
    uint64_t n = 0;
    for (enum drop drop = 0; drop < DROPS; drop++)
        n += dropped_n[drop];
    return n;
}

static void tell_metric(struct metrics_out *out, enum metric metric, const void *owner)
{
    (void)owner;
    if (metric == METRIC_svcd_trace_spans_sent_total)
        metrics_put(out, metric, sent_n);
    else
        for (enum drop drop = 0; drop < DROPS; drop++)
            metrics_put(out, metric, dropped_n[drop], drop_names[drop]);
}

void otlp_tell_metrics(void)
{
    metrics_set_reader(METRIC_svcd_trace_spans_sent_total, tell_metric, NULL);
    metrics_set_reader(METRIC_svcd_trace_spans_dropped_total, tell_metric, NULL);
}

/* ---- logging the collector's state ---- */

static void tell_away(struct otlp *otlp, int status, const char *why)
{
    uint64_t now_ms = uv_now(otlp->timer.loop);
    char text[48];
    if (otlp->is_away && now_ms - otlp->told_ms < REMIND_MS)
        return;
    if (!otlp->is_away)
        otlp->dropped_before = dropped();
    otlp->is_away = true;
    otlp->told_ms = now_ms;
    snprintf(text, sizeof text, "HTTP status %d", status);
    log_warn("traces cannot be sent", log_str("collector", otlp->told_as),
             log_str("reason", status ? text : why),
             log_int("dropped", (int64_t)(dropped() - otlp->dropped_before)));
}

static void tell_back(struct otlp *otlp)
{
    if (otlp->is_away)
        log_info("traces are sent again", log_str("collector", otlp->told_as),
                 log_int("dropped", (int64_t)(dropped() - otlp->dropped_before)));
    otlp->is_away = false;
    otlp->pause_ms = 0;
}

/* Logged at most every REMIND_MS: a collector that rejects some spans rejects many. */
static void tell_partly(struct otlp *otlp, const struct otlp_answer *answer)
{
    uint64_t now_ms = uv_now(otlp->timer.loop);
    otlp->rejected_n += answer->rejected_n;
    if (otlp->told_partly_ms && now_ms - otlp->told_partly_ms < REMIND_MS)
        return;
    otlp->told_partly_ms = now_ms ? now_ms : 1;
    log_warn("the collector does not take traces as they are", log_str("collector", otlp->told_as),
             log_int("rejected", otlp->rejected_n), log_str("reason", answer->why));
    otlp->rejected_n = 0;
}

/* ---- sending ---- */

static void on_closed(uv_handle_t *timer)
{
    struct otlp *otlp = timer->data;
    if (!otlp->is_replaced)
        return;
    LIST_REMOVE(otlp, link);
    otlp_destroy(otlp);
}

static void close_all(struct otlp *otlp)
{
    dropped_n[DROP_STOPPED] += otlp->spans_n + (otlp->state == IDLE ? 0 : otlp->request_n);
    otlp->spans_n = 0;
    move(otlp, CLOSED);
    http_post_destroy(otlp->post);
    uv_close((uv_handle_t *)&otlp->timer, on_closed);
}

static void send_request(struct otlp *otlp)
{
    move(otlp, SENDING);
    if (http_post_send(otlp->post, otlp->request.data, otlp->request.len, TIMEOUT_MS)) {
        dropped_n[DROP_REFUSED] += otlp->request_n;
        move(otlp, IDLE);
    }
}

/* Without memory for the request the spans keep waiting. */
static void send_spans(struct otlp *otlp)
{
    if (otlp->spans_n == 0 || otlp_put_request(&otlp->request, &otlp->resource, &otlp->spans))
        return;
    otlp->request_n = otlp->spans_n;
    otlp->spans.len = 0;
    otlp->spans_n = 0;
    send_request(otlp);
}

static void on_time(uv_timer_t *timer)
{
    struct otlp *otlp = timer->data;
    if (otlp->is_stopping)
        close_all(otlp);
    else if (otlp->state == RETRYING)
        send_request(otlp);
    else if (otlp->state == IDLE)
        send_spans(otlp);
}

/* Starts the timer for the waiting spans, unless it runs. */
static void send_soon(struct otlp *otlp)
{
    bool is_now = otlp->spans.len >= BATCH_LEN;
    if (otlp->state == IDLE && !otlp->is_stopping && (is_now || !uv_is_active((uv_handle_t *)&otlp->timer)))
        uv_timer_start(&otlp->timer, on_time, is_now ? 0 : GATHER_MS, 0);
}

/* The HTTP statuses that OTLP calls retryable; 0: no answer. */
static bool is_temporary(int status)
{
    return status == 0 || status == 429 || status == 502 || status == 503 || status == 504;
}

static void pause_sending(struct otlp *otlp)
{
    otlp->pause_ms = otlp->pause_ms ? otlp->pause_ms * 2 : RETRY_MIN_MS;
    if (otlp->pause_ms > RETRY_MAX_MS)
        otlp->pause_ms = RETRY_MAX_MS;
    move(otlp, RETRYING);
    if (!otlp->is_stopping)
        uv_timer_start(&otlp->timer, on_time, otlp->pause_ms, 0);
}

/* Reads the collector's answer: it may have accepted the request but rejected some of its spans. */
static void count_taken(struct otlp *otlp)
{
    struct otlp_answer answer;
    size_t len;
    const uint8_t *bytes = http_post_answer(otlp->post, &len);
    (void)otlp_read_answer(&answer, bytes, len); /* a malformed answer counts as an empty one */
    if (answer.rejected_n < 0 || answer.rejected_n > otlp->request_n)
        answer.rejected_n = answer.rejected_n < 0 ? 0 : otlp->request_n;
    sent_n += otlp->request_n - (uint64_t)answer.rejected_n;
    dropped_n[DROP_REFUSED] += (uint64_t)answer.rejected_n;
    if (answer.rejected_n > 0 || *answer.why)
        tell_partly(otlp, &answer);
}

static void on_posted(void *data, int status, const char *why)
{
    struct otlp *otlp = data;
    bool is_taken = status >= 200 && status < 300;
    if (is_taken) {
        count_taken(otlp);
        tell_back(otlp);
    } else
        tell_away(otlp, status, why);
    if (is_temporary(status))
        pause_sending(otlp);
    else {
        dropped_n[DROP_REFUSED] += is_taken ? 0 : otlp->request_n;
        move(otlp, IDLE);
    }
    if (otlp->is_stopping && is_taken)
        send_spans(otlp);
    if (otlp->is_stopping && otlp->state != SENDING)
        close_all(otlp);
    else if (otlp->spans_n > 0)
        send_soon(otlp);
}

void otlp_put(struct otlp *otlp, const struct span *span)
{
    if (!otlp) { /* the call began while there was an exporter; a reload has removed it since */
        dropped_n[DROP_STOPPED]++;
        return;
    }
    if (otlp->spans.len >= OTLP_BUFFER_MAX || otlp->is_stopping || otlp_put_span(&otlp->spans, span)) {
        dropped_n[otlp->is_stopping ? DROP_STOPPED : DROP_FULL]++;
        return;
    }
    otlp->spans_n++;
    send_soon(otlp);
}

/* ---- start and stop ---- */

static char *with_path(const char *url)
{
    const char *host = strstr(url, "://"), *path = host ? strpbrk(host + 3, "/?#") : NULL;
    bool has_path = path && strcmp(path, "/") != 0;
    char *whole;
    int len = has_path ? (int)strlen(url) : path ? (int)(path - url) : (int)strlen(url);
    return asprintf(&whole, "%.*s%s", len, url, has_path ? "" : PATH) < 0 ? NULL : whole;
}

int otlp_start(struct otlp **out, uv_loop_t *loop, const char *url, const char *ca)
{
    *out = NULL;
    if (!*url)
        return 0;
    struct otlp *otlp = calloc(1, sizeof *otlp);
    if (!otlp)
        return UV_ENOMEM;
    otlp->url = with_path(url);
    otlp->told_as = otlp->url ? strndup(otlp->url, strcspn(otlp->url, "?#")) : NULL;
    int rc = otlp->told_as ? otlp_resource_init(&otlp->resource) : UV_ENOMEM;
    if (!rc)
        rc = http_post_create(&otlp->post, loop, otlp->url, ca, "application/x-protobuf", on_posted, otlp);
    if (rc) {
        log_error("cannot send traces", log_str("collector", otlp->told_as), log_error_code(rc));
        otlp_destroy(otlp);
        return rc;
    }
    uv_timer_init(loop, &otlp->timer); /* cannot fail */
    otlp->timer.data = otlp;
    *out = otlp;
    return 0;
}

static void stop_within(struct otlp *otlp, uint64_t ms)
{
    bool was_stopping = otlp->is_stopping;
    otlp->is_stopping = true;
    if (otlp->state == CLOSED)
        return;
    uv_timer_start(&otlp->timer, on_time, ms, 0);
    if (was_stopping)
        return;
    if (otlp->state == IDLE)
        send_spans(otlp);
    if (otlp->state != SENDING)
        close_all(otlp);
}

void otlp_stop(struct otlp *otlp)
{
    struct otlp *replaced;
    if (otlp && !otlp->is_stopping)
        stop_within(otlp, STOP_MS);
    LIST_FOREACH(replaced, &leaving, link)
    stop_within(replaced, STOP_MS);
}

void otlp_replace(struct otlp *otlp)
{
    if (!otlp)
        return;
    otlp->is_replaced = true;
    LIST_INSERT_HEAD(&leaving, otlp, link);
    stop_within(otlp, LEAVE_MS);
}

void otlp_destroy(struct otlp *otlp)
{
    if (!otlp)
        return;
    bytes_finish(&otlp->spans);
    bytes_finish(&otlp->request);
    free(otlp->url);
    free(otlp->told_as);
    free(otlp);
}
