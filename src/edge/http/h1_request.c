/* SPDX-License-Identifier: MIT
 *
 * Requests over HTTP/1.1. A head is collected until it is complete (take_head), then parsed by h1_head.c into
 * an exchange (on_head), and exchange_begin() is called; the body goes to exchange_receive(), and at its end
 * exchange_received() is called.
 */
#include "edge/http/h1_session.h"

#include <string.h>

#define FIRST_LINE_MAX ((size_t)8192)

/* ---- memory ---- */

int h1_keep(struct h1 *h1, struct bytes *bytes, const uint8_t *more, size_t len)
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

void h1_forget(struct h1 *h1, struct bytes *bytes)
{
    connection_charge(h1->connection, -(ssize_t)bytes->size);
    bytes_finish(bytes);
}

/* ---- a request ---- */

static void on_whole(struct h1 *h1)
{
    h1_move(h1, H1_ANSWER);
    exchange_received(h1->exchange);
}

static void begin_body(struct h1 *h1)
{
    h1_move(h1, H1_BODY);
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
        h1_refuse(h1, 503, "out of memory", REASON_MEMORY);
        return;
    }
    memcpy(copy, text, len);
    exchange->scheme =
        connection->site->has_tls ? (struct http_text){ "https", 5 } : (struct http_text){ "http", 4 };
    int status = h1_head_read(exchange, copy, len, &h1->head, &wrong);
    if (status)
        h1_refuse(h1, status, wrong, REASON_PROTOCOL_ERROR);
    else
        begin_body(h1);
}

/* Refuses what is wrong already before the head is complete. True: it was refused. */
static bool is_hopeless(struct h1 *h1, const uint8_t *text, size_t len)
{
    size_t first_len = h1->scan.first_len;
    if ((first_len ? first_len : len) > FIRST_LINE_MAX)
        h1_refuse(h1, 414, "the first line of a request is at most 8192 bytes long", REASON_HEADERS);
    else if (len > HEADERS_LEN_MAX)
        h1_refuse(h1, 431, "the head of a request is at most 65536 bytes long", REASON_HEADERS);
    else if (first_len && !memmem(text, first_len, " HTTP/", 6))
        h1_refuse(h1, 400, "this port speaks HTTP/1.1 and HTTP/2", REASON_WRONG_PROTOCOL);
    else
        return false;
    return true;
}

static size_t take_head(struct h1 *h1, const uint8_t *bytes, size_t len)
{
    size_t had = h1->begun.len;
    if (had && h1_keep(h1, &h1->begun, bytes, len))
        return len;
    const uint8_t *text = had ? h1->begun.data : bytes;
    size_t text_len = had ? h1->begun.len : len;
    ssize_t head_len = h1_head_find_end(&h1->scan, text, text_len);
    if (head_len < 0) {
        h1_refuse(h1, 400, "a line ends with a carriage return and a line feed", REASON_PROTOCOL_ERROR);
        return len;
    }
    if (is_hopeless(h1, text, head_len ? (size_t)head_len : text_len))
        return len;
    if (!head_len) {
        if (!had && h1_keep(h1, &h1->begun, bytes, len))
            return len;
        if (!h1->timer.is_running)
            h1_start_timer(h1, h1->connection->edge->limits.request_timeout_ms);
        return len;
    }
    h1_stop_timer(h1);
    h1->scan = (struct h1_scan){ 0 };
    if (head_len > 2) /* an empty line before a request is ignored (RFC 9112, 2.2) */
        on_head(h1, text, (size_t)head_len);
    h1_forget(h1, &h1->begun);
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
        h1_refuse(h1, 400, "the body is not in chunks as HTTP/1.1 has them", REASON_PROTOCOL_ERROR);
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

size_t h1_take(struct h1 *h1, const uint8_t *bytes, size_t len)
{
    size_t taken = 0;
    while (taken < len && h1->state < H1_ANSWER && !h1->connection->is_ending)
        taken += h1->state == H1_HEAD ? take_head(h1, bytes + taken, len - taken)
                                      : take_body(h1, bytes + taken, len - taken);
    exchanges_keep(h1->connection->edge);
    return h1->state == H1_LAST || h1->connection->is_ending ? len : taken;
}
