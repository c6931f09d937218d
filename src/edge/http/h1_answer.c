/* SPDX-License-Identifier: MIT
 *
 * Answers over HTTP/1.1: writes status line, head, body (with its length or chunked) and trailers of an
 * exchange into the write buffer, as much at a time as there is room for. Called by fill() in h1.c.
 */
#include "edge/http/h1_answer.h"

#include <stdio.h>
#include <string.h>

#include "edge/http/date.h"

#define CHUNK_ROOM ((size_t)32) /* bytes for a chunk's size and line ends, and for the last chunk */

static const struct {
    int status;
    const char *phrase;
} phrases[] = {
    { 200, "OK" },
    { 204, "No Content" },
    { 304, "Not Modified" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 417, "Expectation Failed" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 499, "Client Closed Request" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
};

static const char *phrase_of(int status)
{
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Other";
}

struct out {
    char *text;
    size_t len, room;
};

static void put(struct out *out, const char *text, size_t len)
{
    memcpy(out->text + out->len, text, len);
    out->len += len;
}

/* A field that does not fit is left out: never in fact, because all of ours together are far smaller. */
static void put_field(struct out *out, const struct answer_field *field)
{
    if (out->room - out->len < field->name.len + field->value.len + 256)
        return;
    put(out, field->name.text, field->name.len);
    put(out, ": ", 2);
    put(out, field->value.text, field->value.len);
    put(out, "\r\n", 2);
}

static void put_fields(struct out *out, const struct answer_fields *fields)
{
    for (size_t i = 0; i < fields->n; i++)
        put_field(out, &fields->items[i]);
}

static void put_text(struct out *out, const char *text)
{
    put(out, text, strlen(text));
}

/* ---- the head ---- */

static void put_head(struct h1_answer *answer, const struct exchange *exchange, struct out *out)
{
    bool is_bodiless = exchange->status == 204 || exchange->status == 304;
    bool has_trailers = exchange->run->trailers.n > 0 && exchange->run->body.len > 0;
    bool has_length = exchange->has_own_length && !has_trailers && exchange->state == EXCHANGE_ANSWERED;
    answer->has_no_body = is_bodiless || http_text_is(&exchange->verb, "HEAD");
    answer->is_chunked = !has_length && !answer->is_old && !answer->has_no_body;
    answer->is_last |= !has_length && answer->is_old;
    out->len += (size_t)sprintf(out->text + out->len, "HTTP/1.1 %d %s\r\n", exchange->status,
                                phrase_of(exchange->status));
    put_fields(out, &exchange->run->head);
    answer->has_trailers = exchange->state == EXCHANGE_ANSWERED && !exchange->run->body.len;
    if (answer->has_trailers)
        put_fields(out, &exchange->run->trailers);
    if (has_length && !is_bodiless)
        out->len += (size_t)sprintf(out->text + out->len, "content-length: %zu\r\n", exchange->run->body.len);
    if (answer->is_chunked)
        put_text(out, "transfer-encoding: chunked\r\n");
    put_text(out, answer->is_last ? "connection: close\r\n\r\n" : "\r\n");
}

/* ---- the body ---- */

static void put_piece(const struct h1_answer *answer, struct exchange *exchange, struct out *out)
{
    size_t left = exchange->run->body.len - exchange->body_taken, room = out->room - out->len;
    if (left == 0 || room <= CHUNK_ROOM)
        return;
    size_t len = left < room - CHUNK_ROOM ? left : room - CHUNK_ROOM;
    if (answer->is_chunked)
        out->len += (size_t)sprintf(out->text + out->len, "%zx\r\n", len);
    put(out, (const char *)exchange->run->body.data + exchange->body_taken, len);
    if (answer->is_chunked)
        put_text(out, "\r\n");
    exchange_taken(exchange, len);
}

static void put_end(const struct h1_answer *answer, const struct exchange *exchange, struct out *out)
{
    if (!answer->is_chunked)
        return;
    put_text(out, "0\r\n");
    if (!answer->has_trailers)
        put_fields(out, &exchange->run->trailers);
    put_text(out, "\r\n");
}

size_t h1_answer_fill(struct h1_answer *answer, struct exchange *exchange, uint8_t *out_bytes, size_t room)
{
    struct out out = { (char *)out_bytes, 0, room };
    if (!exchange->is_begun)
        put_head(answer, exchange, &out);
    exchange->is_begun = true;
    if (answer->has_no_body)
        exchange_taken(exchange, exchange->run->body.len - exchange->body_taken);
    else
        put_piece(answer, exchange, &out);
    bool is_end = exchange->state == EXCHANGE_ANSWERED && exchange->body_taken == exchange->run->body.len;
    if (is_end && (!answer->is_chunked || room - out.len > room / 2)) {
        put_end(answer, exchange, &out);
        answer->is_whole = true;
    }
    return out.len;
}

size_t h1_answer_refusal(int status, const char *why, uint8_t *out, size_t room)
{
    return (size_t)snprintf((char *)out, room,
                            "HTTP/1.1 %d %s\r\ndate: %s\r\n" HTTP_BARE_FIELDS
                            "content-type: text/plain; charset=utf-8\r\n"
                            "content-length: %zu\r\nconnection: close\r\n\r\n%s\n",
                            status, phrase_of(status), http_date(), strlen(why) + 1, why);
}
