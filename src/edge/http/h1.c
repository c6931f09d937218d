/* SPDX-License-Identifier: MIT
 *
 * The session of an HTTP/1.1 connection. on_bytes() gives what came to h1_take() (h1_request.c), which makes
 * an exchange of a request; fill() writes its answer (h1_answer.c).
 *
 *   HEAD ─▶ BODY ─▶ ANSWER ─▶ HEAD
 *     └───────┴────────┴────▶ LAST
 *
 * HEAD: waits for a request's first line and headers. BODY: its body is coming; the answer may begin already.
 * ANSWER: the request is complete, the answer is not written. LAST: input is ignored; the connection ends
 * when everything is written.
 */
#include "edge/http/h1.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/container_of.h"
#include "base/state.h"
#include "edge/http/h1_session.h"

#define MS              UINT64_C(1000000)
#define AHEAD_MAX       ((size_t)65536) /* bytes of pipelined requests; at so many no more is read */
#define CONTINUE        "HTTP/1.1 100 Continue\r\n\r\n"
#define LIFE_SIGNS      4     /* TCP keepalive probes without an answer, until the peer is taken for dead */
#define LIFE_SIGN_GAP_S 5     /* between them */
#define PROBE_FIRST_MS  300   /* from a half-close to the first probe(): most answers are there by then */
#define PROBE_MS        10000 /* between the next ones */

static const struct state_machine states = {
    .of = "HTTP/1.1 session",
    .names = { "HEAD", "BODY", "ANSWER", "LAST" },
    .next = { [H1_HEAD] = TO(H1_BODY) | TO(H1_LAST),
              [H1_BODY] = TO(H1_ANSWER) | TO(H1_LAST),
              [H1_ANSWER] = TO(H1_HEAD) | TO(H1_LAST) },
};

void h1_move(struct h1 *h1, enum h1_state to)
{
    h1->state = state_move(&states, h1->state, to);
}

/* ---- the end of the session ---- */

/* Lets go of the exchange; its call, if there is one that is not over, is cancelled. */
static void let_go(struct h1 *h1)
{
    struct exchange *exchange = h1->exchange;
    h1->exchange = NULL;
    if (exchange)
        exchange_gone(exchange);
}

void h1_refuse(struct h1 *h1, int status, const char *why, enum http_reason reason)
{
    bool is_begun = h1->exchange && h1->exchange->is_begun;
    let_go(h1);
    h1->refusal = is_begun ? 0 : status;
    h1->refusal_text = why;
    h1_move(h1, H1_LAST);
    connection_end(h1->connection, reason, why);
}

static void on_timer(struct timer *timer);

void h1_start_timer(struct h1 *h1, uint64_t ms)
{
    timers_start(h1->connection->edge->timers, &h1->timer, uv_hrtime() + ms * MS, on_timer);
}

void h1_stop_timer(struct h1 *h1)
{
    timers_stop(h1->connection->edge->timers, &h1->timer);
}

/* ---- a request ---- */

/* Backpressure: stops reading while there are too many pipelined requests, or too many messages of a dialogue
 * that its call has not taken yet. */
static void pause_or_go_on(struct h1 *h1)
{
    const struct exchange *exchange = h1->exchange;
    const struct rpc_method *method = exchange ? exchange_method(exchange) : NULL;
    size_t message_max = h1->connection->message_max + READ_LEN;
    bool is_full = h1->ahead.len > AHEAD_MAX ||
                   (method && method->kind == METHOD_DIALOGUE && exchange->in_len > message_max);
    if (is_full == h1->connection->is_paused)
        return;
    h1->connection->is_paused = is_full;
    connection_wants_write(h1->connection); /* the flush starts or stops polling */
}

static void on_bytes(struct http_connection *connection, uint8_t *bytes, size_t len)
{
    struct h1 *h1 = connection->session;
    size_t taken = h1->ahead.len ? 0 : h1_take(h1, bytes, len);
    if (taken < len && h1->state != H1_LAST)
        h1_keep(h1, &h1->ahead, bytes + taken, len - taken);
    pause_or_go_on(h1);
}

/* The peer has half-closed and is owed no further answer: the connection ends when everything is written. */
static void end_after_peer(struct h1 *h1)
{
    let_go(h1);
    h1_move(h1, H1_LAST);
    connection_wants_write(h1->connection);
}

static void go_on(struct h1 *h1)
{
    size_t taken = h1_take(h1, h1->ahead.data, h1->ahead.len);
    h1->ahead.len -= taken;
    if (h1->ahead.len)
        memmove(h1->ahead.data, h1->ahead.data + taken, h1->ahead.len);
    else
        h1_forget(h1, &h1->ahead);
    if (h1->has_ended && h1->state < H1_ANSWER)
        end_after_peer(h1);
    pause_or_go_on(h1);
}

/* Finds out whether a peer that has half-closed is still there. If it has closed altogether its kernel
 * answers whatever we send with a reset, but tells us nothing until then. Before an answer HTTP/1.1 allows us
 * to send 100 Continue. */
static void probe(struct h1 *h1)
{
    h1->owes_continue = !h1->exchange->is_begun;
    connection_wants_write(h1->connection);
    h1_start_timer(h1, PROBE_MS);
}

static void on_timer(struct timer *timer)
{
    struct h1 *h1 = container_of(timer, struct h1, timer);
    if (h1->connection->is_ending)
        return;
    if (h1->state == H1_ANSWER)
        probe(h1);
    else if (h1->ahead.len)
        go_on(h1);
    else
        h1_refuse(h1, 408, "the head of the request was not whole within server.request_timeout_ms",
                  REASON_OPENING);
}

/* ---- an answer ---- */

static bool is_last(const struct h1 *h1)
{
    return h1->is_leaving || (h1->has_ended && !h1->ahead.len);
}

static void on_written(struct h1 *h1)
{
    bool is_over = h1->answer.is_last || is_last(h1);
    h1_stop_timer(h1);
    h1_move(h1, is_over ? H1_LAST : H1_HEAD);
    let_go(h1);
    if (is_over)
        connection_wants_write(h1->connection); /* fill() then ends the connection */
    else if (h1->ahead.len)
        h1_start_timer(h1, 0);
    pause_or_go_on(h1);
}

static size_t fill_answer(struct h1 *h1, uint8_t *out, size_t room)
{
    struct exchange *exchange = h1->exchange;
    if (!exchange->is_begun) {
        h1->answer.is_old = h1->head.is_old;
        h1->answer.is_last = h1->head.is_last || is_last(h1) || !exchange->is_complete;
    }
    size_t len = h1_answer_fill(&h1->answer, exchange, out, room);
    if (h1->answer.is_whole)
        on_written(h1);
    else if (len && (exchange->body_taken < exchange->run->body.len || exchange->state == EXCHANGE_ANSWERED))
        connection_wants_write(h1->connection);
    return len;
}

static size_t fill(struct http_connection *connection, uint8_t *out, size_t room)
{
    struct h1 *h1 = connection->session;
    const struct exchange *exchange = h1->exchange;
    if (h1->refusal) {
        int status = h1->refusal;
        h1->refusal = 0;
        return h1_answer_refusal(status, h1->refusal_text, out, room);
    }
    if (h1->state == H1_LAST)
        connection_end(connection, h1->is_leaving ? connection->reason : REASON_ANSWERED, NULL);
    if (!exchange)
        return 0;
    if (exchange->state == EXCHANGE_ANSWERING || exchange->state == EXCHANGE_ANSWERED)
        return fill_answer(h1, out, room);
    if (!h1->owes_continue)
        return 0;
    h1->owes_continue = false;
    memcpy(out, CONTINUE, sizeof CONTINUE - 1);
    return sizeof CONTINUE - 1;
}

static void answer(struct exchange *exchange)
{
    connection_wants_write(exchange->connection);
}

static void consumed(struct exchange *exchange, size_t len)
{
    (void)len;
    if (exchange->connection->is_paused)
        pause_or_go_on(exchange->connection->session);
}

/* ---- as the carrier of a connection ---- */

/* A verb in capitals, or the empty line that some clients send before it; but not HTTP/2's preface. */
static enum recognised recognise(const uint8_t *bytes, size_t len)
{
    static const char preface[] = "PRI ";
    size_t n = len < sizeof preface - 1 ? len : sizeof preface - 1;
    if (memcmp(bytes, preface, n) == 0)
        return n == len && n < sizeof preface - 1 ? IS_PERHAPS : IS_NOT;
    return (bytes[0] >= 'A' && bytes[0] <= 'Z') || bytes[0] == '\r' ? IS : IS_NOT;
}

/* HTTP/1.1 has no ping, so TCP keepalive is used: SO_KEEPALIVE is inherited from the listening socket. */
static void watch_peer(const struct http_connection *connection)
{
    int idle_s = (int)((connection->edge->limits.keepalive_ms + 999) / 1000);
    int signs_n = LIFE_SIGNS, gap_s = LIFE_SIGN_GAP_S;
    if (!connection->has_ip || !idle_s)
        return;
    if (idle_s > 32767)
        idle_s = 32767; /* the most that Linux takes */
    setsockopt(connection->watch.fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(connection->watch.fd, IPPROTO_TCP, TCP_KEEPINTVL, &gap_s, sizeof gap_s);
    setsockopt(connection->watch.fd, IPPROTO_TCP, TCP_KEEPCNT, &signs_n, sizeof signs_n);
}

static int open_session(struct http_connection *connection)
{
    struct h1 *h1 = calloc(1, sizeof *h1);
    if (!h1)
        return UV_ENOMEM;
    h1->connection = connection;
    connection->session = h1;
    watch_peer(connection);
    return 0;
}

static void leave(struct http_connection *connection)
{
    struct h1 *h1 = connection->session;
    h1->is_leaving = true;
    if (h1->state == H1_HEAD && !h1->begun.len && !h1->ahead.len)
        connection_end(connection, connection->reason, NULL);
}

/* The peer has half-closed: complete requests are still answered. Streams are not: the peer may have left,
 * and while a stream has nothing to send we would not find out. */
static bool on_ended(struct http_connection *connection)
{
    struct h1 *h1 = connection->session;
    const struct exchange *exchange = h1->exchange;
    h1->has_ended = true;
    if (h1->state == H1_ANSWER) {
        const struct rpc_method *method = exchange_method(exchange);
        if (!h1->head.is_old && !h1->timer.is_running)
            h1_start_timer(h1, PROBE_FIRST_MS);
        return exchange->state == EXCHANGE_ANSWERED || !method || method->kind == METHOD_UNARY;
    }
    if (h1->state == H1_HEAD && h1->ahead.len)
        return true;
    if (h1->state != H1_LAST && connection->out.len > connection->out_sent)
        end_after_peer(h1);
    return h1->state == H1_LAST;
}

/* HTTP/1.1 tells the end by "connection: close" in an answer, or not at all. */
static void say_end(struct http_connection *connection)
{
    (void)connection;
}

static void close_session(struct http_connection *connection)
{
    struct h1 *h1 = connection->session;
    h1_stop_timer(h1);
    h1_forget(h1, &h1->begun);
    h1_forget(h1, &h1->ahead);
    exchange_gone_all(connection);
    free(h1);
}

const struct http_carrier http_h1 = {
    .name = "h1",
    .alpn = "http/1.1",
    .recognise = recognise,
    .open = open_session,
    .on_bytes = on_bytes,
    .on_ended = on_ended,
    .fill = fill,
    .leave = leave,
    .say_end = say_end,
    .end_streams = exchange_end_streams,
    .close = close_session,
    .answer = answer,
    .consumed = consumed,
};
