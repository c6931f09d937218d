/* SPDX-License-Identifier: MIT
 *
 *   HEAD ─▶ BODY ─▶ ANSWER ─▶ HEAD
 *     └───────┴────────┴────▶ LAST
 *
 * HEAD: a request's first line and headers are awaited or come. BODY: of them the body comes; an answer may
 * go out already. ANSWER: the request is whole, the answer is not. LAST: nothing that comes is looked at any
 * more; the connection ends when all that has been said is written.
 */
#include "edge/http/h1.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/container_of.h"
#include "base/state.h"
#include "edge/http/chunked.h"
#include "edge/http/exchange.h"
#include "edge/http/h1_answer.h"
#include "edge/http/h1_head.h"

#define MS              UINT64_C(1000000)
#define FIRST_LINE_MAX  ((size_t)8192)
#define AHEAD_MAX       ((size_t)65536) /* of requests that wait for their turn; then no more is read */
#define CONTINUE        "HTTP/1.1 100 Continue\r\n\r\n"
#define LIFE_SIGNS      4 /* asked for, before a peer that gives none is taken for dead */
#define LIFE_SIGN_GAP_S 5
#define PROBE_FIRST_MS  300 /* after the peer's end, while its answer is not there: most are by then */
#define PROBE_MS        10000

enum h1_state { H1_HEAD, H1_BODY, H1_ANSWER, H1_LAST };

static const struct state_machine states = {
    .of = "HTTP/1.1 session",
    .names = { "HEAD", "BODY", "ANSWER", "LAST" },
    .next = { [H1_HEAD] = TO(H1_BODY) | TO(H1_LAST),
              [H1_BODY] = TO(H1_ANSWER) | TO(H1_LAST),
              [H1_ANSWER] = TO(H1_HEAD) | TO(H1_LAST) },
};

struct h1 {
    struct http_connection *connection;
    enum h1_state state;
    struct exchange *exchange; /* from the end of its head until its answer is written */
    struct bytes begun;        /* of a head that is not whole */
    struct bytes ahead;        /* what came while an exchange was under way */
    struct h1_scan scan;
    struct h1_head head; /* of the exchange */
    struct chunked chunked;
    uint64_t body_left;
    struct h1_answer answer;
    bool owes_continue;
    bool is_leaving;
    bool has_ended; /* the peer sends nothing more */
    int refusal;    /* an HTTP status, to be said without an exchange; 0: none */
    const char *refusal_text;
    struct timer timer; /* HEAD: its time, or what came ahead is gone on with; ANSWER: see on_ended */
};

static void move(struct h1 *h1, enum h1_state to)
{
    h1->state = state_move(&states, h1->state, to);
}

/* ---- the end of it ---- */

/* The exchange's call is cancelled, if there is one. */
static void let_go(struct h1 *h1)
{
    struct exchange *exchange = h1->exchange;
    h1->exchange = NULL;
    if (exchange)
        exchange_gone(exchange);
}

/* Says so, unless an answer is half said. */
static void refuse(struct h1 *h1, int status, const char *why, enum http_reason reason)
{
    bool is_begun = h1->exchange && h1->exchange->is_begun;
    let_go(h1);
    h1->refusal = is_begun ? 0 : status;
    h1->refusal_text = why;
    move(h1, H1_LAST);
    connection_end(h1->connection, reason, why);
}

static void on_timer(struct timer *timer);

static void start_timer(struct h1 *h1, uint64_t ms)
{
    timers_start(h1->connection->edge->timers, &h1->timer, uv_hrtime() + ms * MS, on_timer);
}

static void stop_timer(struct h1 *h1)
{
    timers_stop(h1->connection->edge->timers, &h1->timer);
}

/* ---- memory ---- */

static int keep(struct h1 *h1, struct bytes *bytes, const uint8_t *more, size_t len)
{
    size_t had = bytes->size;
    if (bytes_reserve(bytes, len)) {
        connection_end(h1->connection, REASON_MEMORY, NULL);
        return UV_ENOMEM;
    }
    bytes_put(bytes, more, len);
    connection_charge(h1->connection, (ssize_t)(bytes->size - had));
    return 0;
}

static void forget(struct h1 *h1, struct bytes *bytes)
{
    connection_charge(h1->connection, -(ssize_t)bytes->size);
    bytes_finish(bytes);
}

/* Stops reading while too much waits, and lets a peer that sends many messages wait for its answers. */
static void pause_or_go_on(struct h1 *h1)
{
    const struct exchange *exchange = h1->exchange;
    size_t message_max = h1->connection->message_max + READ_LEN;
    bool is_full =
        h1->ahead.len > AHEAD_MAX || (exchange && exchange->in_len > message_max && exchange->call.method &&
                                      exchange->call.method->kind == METHOD_DIALOGUE);
    if (is_full == h1->connection->is_paused)
        return;
    h1->connection->is_paused = is_full;
    connection_wants_write(h1->connection); /* whence it polls anew */
}

/* ---- a request ---- */

static void on_whole(struct h1 *h1)
{
    move(h1, H1_ANSWER);
    exchange_received(h1->exchange);
}

static void begin_body(struct h1 *h1)
{
    move(h1, H1_BODY);
    h1->chunked = (struct chunked){ 0 };
    h1->body_left = (uint64_t)h1->head.body_len;
    bool has_body = h1->head.body == H1_BODY_CHUNKED || h1->body_left > 0;
    h1->owes_continue = h1->head.expects_continue && has_body;
    if (h1->owes_continue)
        connection_wants_write(h1->connection);
    exchange_begin(h1->exchange);
    if (!has_body)
        on_whole(h1);
}

static void on_head(struct h1 *h1, const uint8_t *text, size_t len)
{
    struct http_connection *connection = h1->connection;
    const char *wrong = NULL;
    struct exchange *exchange = exchange_create(connection);
    char *copy = exchange ? arena_alloc(&exchange->arena, len) : NULL;
    h1->exchange = exchange;
    h1->head = (struct h1_head){ 0 };
    h1->answer = (struct h1_answer){ 0 };
    if (!copy) {
        refuse(h1, 503, "out of memory", REASON_MEMORY);
        return;
    }
    memcpy(copy, text, len);
    exchange->scheme =
        connection->site->has_tls ? (struct http_text){ "https", 5 } : (struct http_text){ "http", 4 };
    int status = h1_head_read(exchange, copy, len, &h1->head, &wrong);
    if (status)
        refuse(h1, status, wrong, REASON_PROTOCOL_ERROR);
    else
        begin_body(h1);
}

/* What can be told of a head before it is whole. True: it was refused. */
static bool is_hopeless(struct h1 *h1, const uint8_t *text, size_t len)
{
    size_t first_len = h1->scan.first_len;
    if ((first_len ? first_len : len) > FIRST_LINE_MAX)
        refuse(h1, 414, "the first line of a request is at most 8192 bytes long", REASON_HEADERS);
    else if (len > HEADERS_LEN_MAX)
        refuse(h1, 431, "the head of a request is at most 65536 bytes long", REASON_HEADERS);
    else if (first_len && !memmem(text, first_len, " HTTP/", 6))
        refuse(h1, 400, "this port speaks HTTP/1.1 and HTTP/2", REASON_WRONG_PROTOCOL);
    else
        return false;
    return true;
}

static size_t take_head(struct h1 *h1, const uint8_t *bytes, size_t len)
{
    size_t had = h1->begun.len;
    if (had && keep(h1, &h1->begun, bytes, len))
        return len;
    const uint8_t *text = had ? h1->begun.data : bytes;
    size_t text_len = had ? h1->begun.len : len;
    ssize_t head_len = h1_head_find_end(&h1->scan, text, text_len);
    if (head_len < 0) {
        refuse(h1, 400, "a line ends with a carriage return and a line feed", REASON_PROTOCOL_ERROR);
        return len;
    }
    if (is_hopeless(h1, text, head_len ? (size_t)head_len : text_len))
        return len;
    if (!head_len) {
        if (!had && keep(h1, &h1->begun, bytes, len))
            return len;
        if (!h1->timer.is_running)
            start_timer(h1, h1->connection->edge->limits.request_timeout_ms);
        return len;
    }
    stop_timer(h1);
    h1->scan = (struct h1_scan){ 0 };
    if (head_len > 2) /* an empty line before a request is let pass */
        on_head(h1, text, (size_t)head_len);
    forget(h1, &h1->begun);
    return (size_t)head_len - had;
}

static size_t take_chunks(struct h1 *h1, const uint8_t *bytes, size_t len)
{
    size_t taken = 0;
    while (taken < len && h1->chunked.state < CHUNKED_END) {
        const uint8_t *piece;
        size_t piece_len;
        taken += chunked_take(&h1->chunked, bytes + taken, len - taken, &piece, &piece_len);
        if (piece_len)
            exchange_receive(h1->exchange, piece, piece_len);
    }
    if (h1->chunked.state == CHUNKED_END)
        on_whole(h1);
    else if (h1->chunked.state == CHUNKED_WRONG)
        refuse(h1, 400, "the body is not in chunks as HTTP/1.1 has them", REASON_PROTOCOL_ERROR);
    return taken;
}

static size_t take_body(struct h1 *h1, const uint8_t *bytes, size_t len)
{
    h1->owes_continue = false;
    if (h1->head.body == H1_BODY_CHUNKED)
        return take_chunks(h1, bytes, len);
    size_t n = len < h1->body_left ? len : (size_t)h1->body_left;
    exchange_receive(h1->exchange, bytes, n);
    h1->body_left -= n;
    if (!h1->body_left)
        on_whole(h1);
    return n;
}

/* Returns how much was taken; what is left waits for the answer. */
static size_t parse(struct h1 *h1, const uint8_t *bytes, size_t len)
{
    size_t taken = 0;
    while (taken < len && h1->state < H1_ANSWER && !h1->connection->is_ending)
        taken += h1->state == H1_HEAD ? take_head(h1, bytes + taken, len - taken)
                                      : take_body(h1, bytes + taken, len - taken);
    exchanges_keep(h1->connection->edge);
    return h1->state == H1_LAST || h1->connection->is_ending ? len : taken;
}

static void on_bytes(struct http_connection *connection, uint8_t *bytes, size_t len)
{
    struct h1 *h1 = connection->session;
    size_t taken = h1->ahead.len ? 0 : parse(h1, bytes, len);
    if (taken < len && h1->state != H1_LAST)
        keep(h1, &h1->ahead, bytes + taken, len - taken);
    pause_or_go_on(h1);
}

/* Nothing is owed any more, once what has been said is written. */
static void end_after_peer(struct h1 *h1)
{
    let_go(h1);
    move(h1, H1_LAST);
    connection_wants_write(h1->connection);
}

static void go_on(struct h1 *h1)
{
    size_t taken = parse(h1, h1->ahead.data, h1->ahead.len);
    h1->ahead.len -= taken;
    if (h1->ahead.len)
        memmove(h1->ahead.data, h1->ahead.data + taken, h1->ahead.len);
    else
        forget(h1, &h1->ahead);
    if (h1->has_ended && h1->state < H1_ANSWER)
        end_after_peer(h1);
    pause_or_go_on(h1);
}

/* To a peer that has left and not only ended, the kernel answers what we say with a reset, and to nothing
 * else. HTTP/1.1 lets us say this much before an answer. */
static void probe(struct h1 *h1)
{
    h1->owes_continue = !h1->exchange->is_begun;
    connection_wants_write(h1->connection);
    start_timer(h1, PROBE_MS);
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
        refuse(h1, 408, "the head of the request was not whole within server.request_timeout_ms",
               REASON_OPENING);
}

/* ---- its answer ---- */

static bool is_last(const struct h1 *h1)
{
    return h1->is_leaving || (h1->has_ended && !h1->ahead.len);
}

static void on_written(struct h1 *h1)
{
    bool is_over = h1->answer.is_last || is_last(h1);
    stop_timer(h1);
    move(h1, is_over ? H1_LAST : H1_HEAD);
    let_go(h1);
    if (is_over)
        connection_wants_write(h1->connection); /* and then nothing is left of it */
    else if (h1->ahead.len)
        start_timer(h1, 0);
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
    else if (len && (exchange->body_taken < exchange->body.len || exchange->state == EXCHANGE_ANSWERED))
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

/* A verb in capitals, or the empty line that some send before it; but not HTTP/2's preface. */
static enum recognised recognise(const uint8_t *bytes, size_t len)
{
    static const char preface[] = "PRI ";
    size_t n = len < sizeof preface - 1 ? len : sizeof preface - 1;
    if (memcmp(bytes, preface, n) == 0)
        return n == len && n < sizeof preface - 1 ? IS_PERHAPS : IS_NOT;
    return (bytes[0] >= 'A' && bytes[0] <= 'Z') || bytes[0] == '\r' ? IS : IS_NOT;
}

/* HTTP/1.1 cannot ask for a sign of life, so the kernel does: SO_KEEPALIVE is on from its listener. */
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

/* Requests that are whole are owed their answers. A stream that goes on is none of them: its peer would have
 * to be told something before we knew that it has left. */
static bool on_ended(struct http_connection *connection)
{
    struct h1 *h1 = connection->session;
    const struct exchange *exchange = h1->exchange;
    h1->has_ended = true;
    if (h1->state == H1_ANSWER) {
        if (!h1->head.is_old && !h1->timer.is_running)
            start_timer(h1, PROBE_FIRST_MS);
        return exchange->state == EXCHANGE_ANSWERED || !exchange->call.method ||
               exchange->call.method->kind == METHOD_UNARY;
    }
    if (h1->state == H1_HEAD && h1->ahead.len)
        return true;
    if (h1->state != H1_LAST && connection->out.len > connection->out_sent)
        end_after_peer(h1);
    return h1->state == H1_LAST;
}

/* There is no more to say than an answer that says "close", or nothing. */
static void say_end(struct http_connection *connection)
{
    (void)connection;
}

static void close_session(struct http_connection *connection)
{
    struct h1 *h1 = connection->session;
    stop_timer(h1);
    forget(h1, &h1->begun);
    forget(h1, &h1->ahead);
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
