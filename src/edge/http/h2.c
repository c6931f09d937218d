/* SPDX-License-Identifier: MIT
 *
 * The session of an HTTP/2 connection. nghttp2 parses frames and HPACK, does flow control and writes frames;
 * we check headers and limit what a peer may do. On the way in on_bytes() gives the bytes to h2_guard.c,
 * which passes them to nghttp2 (pass), whose callbacks are in h2_request.c; on the way out fill() takes
 * frames from nghttp2, which asks h2_answer.c for their data.
 *
 * Leaving takes two GOAWAYs (RFC 9113, 6.8): the first only announces the end, and is followed by a PING.
 * When that is answered, all streams that the peer opened before it knew have come, and the second GOAWAY
 * names the last of them. So no call is refused that was sent before the peer knew.
 */
#include "edge/http/h2.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "edge/http/h2_answer.h"
#include "edge/http/h2_memory.h"
#include "edge/http/h2_request.h"
#include "edge/http/h2_session.h"

#define MS                UINT64_C(1000000)
#define LEAVE_MS          1000      /* for the answer to the PING between the GOAWAYs */
#define YOUNG_NS          (20 * MS) /* resetting a call younger than this costs patience (h2_guard.h) */
#define DATA_EARNS        3 /* patience for a DATA frame: two window updates and a ping may answer it */
#define ANSWER_EARNS      4 /* patience for an answer's end: as much as a reset costs */
#define WINDOW_MIN        ((size_t)65535)   /* bytes, HTTP/2's initial window */
#define CONNECTION_WINDOW ((size_t)1048576) /* bytes at least, of all streams together */
#define PADDING_SLACK     ((size_t)16384)   /* bytes of a stream's window for padding and framing */
#define QUEUED_LEN        ((size_t)512)     /* about what a queued frame takes, with its stream */

static nghttp2_session_callbacks *callbacks;
static nghttp2_option *options;
static unsigned users_n; /* of both */

static const uint8_t leave_ping[8] = { 'l', 'e', 'a', 'v', 'e' };
static const uint8_t life_ping[8] = { 'a', 'l', 'i', 'v', 'e' };

/* ---- streams ---- */

static void on_reset(struct h2 *h2, int32_t stream_id)
{
    const struct exchange *exchange = h2_find(h2->session, stream_id);
    if (exchange && uv_hrtime() - exchange->began_ns < YOUNG_NS)
        h2_guard_spend(&h2->guard, H2_RESET_COST, REASON_RESETS);
}

static void say_last(struct h2 *h2);

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
    struct h2 *h2 = data;
    struct exchange *exchange;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        h2_on_headers_whole(h2, frame);
        break;
    case NGHTTP2_DATA:
        if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM && (exchange = h2_find(session, frame->hd.stream_id)))
            h2_on_whole(h2, exchange);
        break;
    case NGHTTP2_RST_STREAM:
        on_reset(h2, frame->hd.stream_id);
        break;
    case NGHTTP2_PING:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK && memcmp(frame->ping.opaque_data, leave_ping, 8) == 0)
            say_last(h2);
        break;
    default:
        break;
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t code, void *data)
{
    struct h2 *h2 = data;
    struct exchange *exchange = h2_find(session, stream_id);
    (void)code;
    if (exchange)
        h2_let_go(h2, exchange);
    return 0;
}

static void note_why(struct h2 *h2, const nghttp2_goaway *said)
{
    if (said->opaque_data_len)
        snprintf(h2->why, sizeof h2->why, "%.*s", (int)said->opaque_data_len,
                 (const char *)said->opaque_data);
    else
        snprintf(h2->why, sizeof h2->why, "%s", nghttp2_http2_strerror(said->error_code));
}

/* If the answer has ended before the request, the stream is reset so that the peer need not send the rest. */
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *data)
{
    struct h2 *h2 = data;
    if (frame->hd.type == NGHTTP2_DATA)
        h2_guard_earn(&h2->guard, DATA_EARNS);
    /* Only now, because nghttp2 sends a PING before a GOAWAY that is queued. */
    if (frame->hd.type == NGHTTP2_GOAWAY && h2->is_leaving && !h2->has_left)
        h2_check(h2, nghttp2_submit_ping(session, NGHTTP2_FLAG_NONE, leave_ping));
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR && !*h2->why)
        note_why(h2, &frame->goaway);
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) ||
        (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS))
        return 0;
    h2_guard_earn(&h2->guard, ANSWER_EARNS);
    const struct exchange *exchange = h2_find(session, frame->hd.stream_id);
    if (exchange && !exchange->is_complete)
        h2_reset(h2, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    return 0;
}

/* ---- as the carrier of a connection ---- */

static enum recognised recognise(const uint8_t *bytes, size_t len)
{
    static const char magic[] = NGHTTP2_CLIENT_MAGIC;
    if (memcmp(bytes, magic, len < NGHTTP2_CLIENT_MAGIC_LEN ? len : NGHTTP2_CLIENT_MAGIC_LEN) != 0)
        return IS_NOT;
    return len < NGHTTP2_CLIENT_MAGIC_LEN ? IS_PERHAPS : IS;
}

static int on_error(nghttp2_session *session, int code, const char *text, size_t len, void *data)
{
    struct h2 *h2 = data;
    (void)session, (void)code;
    if (!*h2->why)
        snprintf(h2->why, sizeof h2->why, "%.*s", (int)len, text);
    return 0;
}

/* Whether streams are open. Exchanges whose stream the peer has reset do not count, though their calls may
 * still run. */
static bool has_streams(const struct http_connection *connection)
{
    const struct exchange *exchange;
    LIST_FOREACH(exchange, &connection->exchanges, link)
    if (!exchange->is_gone)
        return true;
    return false;
}

/* The session is over: all streams have ended after the last GOAWAY (ours or the peer's), or nghttp2 has
 * given up. */
static bool is_over(const struct h2 *h2)
{
    return !nghttp2_session_want_write(h2->session) &&
           (h2->has_left ? !has_streams(h2->connection) : !nghttp2_session_want_read(h2->session));
}

static void end(struct h2 *h2)
{
    if (h2->has_left)
        connection_end(h2->connection, h2->connection->reason, NULL);
    else if (*h2->why)
        connection_end(h2->connection, REASON_PROTOCOL_ERROR, h2->why);
    else
        connection_end(h2->connection, REASON_PEER, NULL);
}

static void pass(void *data, uint8_t *bytes, size_t len)
{
    struct h2 *h2 = data;
    if (h2->connection->is_ending)
        return;
    ssize_t rc = nghttp2_session_mem_recv(h2->session, bytes, len);
    if (rc == NGHTTP2_ERR_NOMEM)
        connection_end(h2->connection, REASON_MEMORY, NULL);
    else if (rc == NGHTTP2_ERR_FLOODED)
        connection_end(h2->connection, REASON_FLOOD, NULL);
    else if (rc < 0)
        connection_end(h2->connection, REASON_PROTOCOL_ERROR, nghttp2_strerror((int)rc));
    else if (is_over(h2))
        connection_wants_write(h2->connection);
}

/* nghttp2's queue counts in the budget: a peer that does not read can fill it, by streams that are refused.
 */
static void charge_queue(struct h2 *h2)
{
    size_t queued = nghttp2_session_get_outbound_queue_size(h2->session) * QUEUED_LEN;
    if (queued == h2->queued)
        return;
    connection_charge(h2->connection, (ssize_t)queued - (ssize_t)h2->queued);
    h2->queued = queued;
}

static void on_bytes(struct http_connection *connection, uint8_t *bytes, size_t len)
{
    struct h2 *h2 = connection->session;
    size_t had = h2->guard.block.size;
    h2_guard_receive(&h2->guard, bytes, len);
    connection_charge(connection, (ssize_t)h2->guard.block.size - (ssize_t)had);
    exchanges_keep(connection->edge);
    charge_queue(h2);
    if (h2->guard.reason)
        connection_end(connection, h2->guard.reason, h2->guard.detail);
    if (nghttp2_session_want_write(h2->session))
        connection_wants_write(connection);
}

static size_t fill(struct http_connection *connection, uint8_t *out, size_t room)
{
    struct h2 *h2 = connection->session;
    h2->out = out;
    h2->out_len = 0;
    if (is_over(h2)) { /* everything has been written */
        end(h2);
        return 0;
    }
    h2_give_back(h2);
    while (h2->out_len < room) {
        const uint8_t *bytes;
        ssize_t len = nghttp2_session_mem_send(h2->session, &bytes);
        if (len < 0)
            connection_end(connection, len == NGHTTP2_ERR_NOMEM ? REASON_MEMORY : REASON_PROTOCOL_ERROR,
                           nghttp2_strerror((int)len));
        if (len <= 0)
            break;
        memcpy(out + h2->out_len, bytes, (size_t)len);
        h2->out_len += (size_t)len;
    }
    charge_queue(h2);
    if (is_over(h2))
        connection_wants_write(connection);
    return h2->out_len;
}

static void on_leaving(struct timer *timer)
{
    say_last(container_of(timer, struct h2, leaving));
}

/* The PING has been answered, or LEAVE_MS are over: sends the second GOAWAY. */
static void say_last(struct h2 *h2)
{
    if (!h2->is_leaving || h2->has_left)
        return;
    h2->has_left = true;
    timers_stop(h2->connection->edge->timers, &h2->leaving);
    h2_check(h2, nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE,
                                       nghttp2_session_get_last_proc_stream_id(h2->session), NGHTTP2_NO_ERROR,
                                       NULL, 0));
    connection_wants_write(h2->connection);
    if (h2->connection->reason == REASON_AGE) /* also streams that were begun after the first GOAWAY */
        exchange_end_streams(h2->connection, false);
}

static void leave(struct http_connection *connection)
{
    struct h2 *h2 = connection->session;
    h2->is_leaving = true;
    h2_check(h2, nghttp2_submit_shutdown_notice(h2->session));
    timers_start(connection->edge->timers, &h2->leaving, uv_hrtime() + LEAVE_MS * MS, on_leaving);
    connection_wants_write(connection);
}

static bool is_hostile(enum http_reason reason)
{
    return reason == REASON_RESETS || reason == REASON_FLOOD || reason == REASON_HEADERS ||
           reason == REASON_UNREAD || reason == REASON_BUFFERS;
}

static void say_end(struct http_connection *connection)
{
    struct h2 *h2 = connection->session;
    const char *text = http_reason_text(connection->reason);
    bool is_wrong = connection->reason == REASON_PROTOCOL_ERROR;
    uint32_t code = is_wrong                         ? NGHTTP2_PROTOCOL_ERROR
                    : is_hostile(connection->reason) ? NGHTTP2_ENHANCE_YOUR_CALM
                                                     : NGHTTP2_NO_ERROR;
    bool is_told = h2->has_left || (is_wrong && !h2->guard.reason); /* nghttp2 has sent a GOAWAY itself */
    if (!is_told && connection->reason != REASON_PEER)
        nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(h2->session), code,
                              (const uint8_t *)text, strlen(text));
}

static void ping(struct http_connection *connection)
{
    struct h2 *h2 = connection->session;
    h2_check(h2, nghttp2_submit_ping(h2->session, NGHTTP2_FLAG_NONE, life_ping));
    connection_wants_write(connection);
}

static void close_session(struct http_connection *connection)
{
    struct h2 *h2 = connection->session;
    struct exchange *exchange;
    timers_stop(connection->edge->timers, &h2->leaving);
    LIST_FOREACH(exchange, &connection->exchanges, link)
    h2_release(exchange);
    connection_charge(connection, -(ssize_t)(h2->guard.block.size + h2->queued));
    exchange_gone_all(connection);
    nghttp2_session_del(h2->session);
    h2_guard_finish(&h2->guard);
    free(h2);
}

static size_t stream_window(const struct http_connection *connection)
{
    size_t window = connection->message_max / 3 * 4 + PADDING_SLACK; /* base64 takes 4 bytes for 3 */
    return window < WINDOW_MIN ? WINDOW_MIN : window;
}

static int begin_session(struct h2 *h2)
{
    size_t window = stream_window(h2->connection);
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, h2->connection->streams_max },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)window },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADERS_LEN_MAX },
        { NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
    };
    if (nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings, sizeof settings / sizeof *settings))
        return UV_ENOMEM;
    int32_t of_connection = (int32_t)(window > CONNECTION_WINDOW ? window : CONNECTION_WINDOW);
    return nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0, of_connection) ? UV_ENOMEM
                                                                                                   : 0;
}

static int open_session(struct http_connection *connection)
{
    struct h2 *h2 = calloc(1, sizeof *h2);
    if (!h2)
        return UV_ENOMEM;
    h2->connection = connection;
    h2_guard_init(&h2->guard, pass, h2);
    if (nghttp2_session_server_new3(&h2->session, callbacks, h2, options, h2_memory())) {
        free(h2);
        return UV_ENOMEM;
    }
    connection->session = h2;
    int rc = begin_session(h2);
    connection_wants_write(connection);
    return rc;
}

const struct http_carrier http_h2 = {
    .name = "h2",
    .alpn = "h2",
    .recognise = recognise,
    .open = open_session,
    .on_bytes = on_bytes,
    .fill = fill,
    .leave = leave,
    .say_end = say_end,
    .ping = ping,
    .end_streams = exchange_end_streams,
    .close = close_session,
    .answer = h2_answer,
    .consumed = h2_consumed,
};

/* ---- shared by all sessions ---- */

int h2_init(void)
{
    if (users_n++ > 0)
        return 0;
    h2_memory_init();
    if (nghttp2_session_callbacks_new(&callbacks) || nghttp2_option_new(&options))
        return UV_ENOMEM;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, h2_on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(callbacks, h2_on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, h2_on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, h2_on_send_data);
    nghttp2_session_callbacks_set_error_callback2(callbacks, on_error);
    nghttp2_option_set_no_http_messaging(options, 1);
    nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_option_set_no_closed_streams(options, 1);
    nghttp2_option_set_max_continuations(options, H2_CONTINUATIONS_MAX);
    nghttp2_option_set_max_outbound_ack(options, 10000);                  /* h2_guard.c is stricter */
    nghttp2_option_set_stream_reset_rate_limit(options, 1000000, 100000); /* likewise */
    return 0;
}

void h2_finish(void)
{
    if (--users_n > 0)
        return;
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(options);
    h2_memory_finish();
}
