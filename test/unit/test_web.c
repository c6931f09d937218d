/* SPDX-License-Identifier: MIT
 *
 * The pieces of HTTP/1.1, gRPC-Web, Connect and CORS that know of no connection.
 */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/origin.h"
#include "edge/http/base64.h"
#include "edge/http/chunked.h"
#include "edge/http/codes.h"
#include "edge/http/h1_head.h"
#include "messages.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- base64 ---- */

static void ck_unwraps(const char *text, const char *expected)
{
    uint8_t bytes[64];
    size_t len = strlen(text);
    memcpy(bytes, text, len);
    ck_assert_msg(base64_unwrap(bytes, &len) == 0, "refused: %s", text);
    ck_assert_msg(len == strlen(expected) && memcmp(bytes, expected, len) == 0, "%s: %.*s", text, (int)len,
                  bytes);
}

START_TEST(base64_may_be_padded_wherever_a_piece_ends)
{
    ck_unwraps("", "");
    ck_unwraps("Zm9v", "foo");
    ck_unwraps("Zm8=", "fo");
    ck_unwraps("Zg==", "f");
    ck_unwraps("Zg==Zm8=Zm9v", "ffofoo");
    ck_unwraps("Zm9vZg", "foof"); /* the last one without */
}
END_TEST

START_TEST(what_is_not_base64_is_refused)
{
    static const char *const texts[] = { "Z",    "=",     "Z=",   "Z===",   "Zg=",
                                         "Zg=Z", "Zm8==", "Zm-v", "Zm9v\n", "Zm 9v" };
    for (size_t i = 0; i < COUNT(texts); i++) {
        uint8_t bytes[16];
        size_t len = strlen(texts[i]);
        memcpy(bytes, texts[i], len);
        ck_assert_msg(base64_unwrap(bytes, &len) == UV_EINVAL, "accepted: %s", texts[i]);
    }
}
END_TEST

START_TEST(base64_of_every_length_comes_back_and_leaves_what_stood_before_it)
{
    for (size_t len = 0; len < 300; len++) {
        struct bytes bytes = { 0 };
        ck_assert_int_eq(bytes_reserve(&bytes, len + 5), 0);
        bytes_put(&bytes, "start", 5);
        for (size_t i = 0; i < len; i++)
            bytes_put_byte(&bytes, (uint8_t)(i * 37 + len));
        ck_assert_int_eq(base64_wrap(&bytes, 5), 0);
        size_t text_len = bytes.len - 5;
        ck_assert_uint_eq(text_len, (len + 2) / 3 * 4);
        ck_assert_int_eq(base64_unwrap(bytes.data + 5, &text_len), 0);
        ck_assert_uint_eq(text_len, len);
        ck_assert_mem_eq(bytes.data, "start", 5);
        for (size_t i = 0; i < len; i++)
            ck_assert_uint_eq(bytes.data[5 + i], (uint8_t)(i * 37 + len));
        bytes_finish(&bytes);
    }
}
END_TEST

/* ---- chunked bodies ---- */

/* Body of `text` given in pieces of `step` bytes; the state it ends in. */
static enum chunked_state take_all(const char *text, size_t step, char *body, size_t *left)
{
    struct chunked chunked = { 0 };
    size_t len = strlen(text), at = 0, n = 0;
    while (at < len && chunked.state < CHUNKED_END) {
        const uint8_t *piece;
        size_t piece_len, room = len - at < step ? len - at : step;
        at += chunked_take(&chunked, (const uint8_t *)text + at, room, &piece, &piece_len);
        memcpy(body + n, piece_len ? (const char *)piece : "", piece_len);
        n += piece_len;
    }
    body[n] = '\0';
    *left = len - at;
    return chunked.state;
}

START_TEST(a_chunked_body_comes_whole_however_it_is_cut)
{
    static const char text[] =
        "5;name=value\r\nhello\r\n0000a\r\n, our work\r\nB \t; a = b\r\ning\r\nworld!\r\n0\r\n"
        "trailer: x\r\nother: y\r\n\r\nGET";
    for (size_t step = 1; step < sizeof text; step++) {
        char body[sizeof text];
        size_t left;
        ck_assert_int_eq(take_all(text, step, body, &left), CHUNKED_END);
        ck_assert_str_eq(body, "hello, our working\r\nworld!");
        ck_assert_uint_eq(left, 3);
    }
}
END_TEST

START_TEST(chunks_that_two_parsers_could_read_in_two_ways_are_refused)
{
    static const char *const texts[] = {
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhelloXX0\r\n\r\n",
        "5\rXhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n",
        "5 \r\nhello\r\n",
        "5 5;a\r\nhello\r\n",
        "+5\r\nhello\r\n",
        "0x5\r\nhello\r\n",
        "-1\r\n",
        "\r\n",
        "g\r\n",
        "5;a\nb\r\nhello\r\n",
        "1000000000000000\r\n",
        "0\r\n folded: x\r\n\r\n",
        "0\r\n: x\r\n\r\n",
        "0\r\nname: x\n\r\n",
        "0\r\nname\r\n\r\n",
        "0\r\nname : x\r\n\r\n",
        "0\r\na name: x\r\n\r\n",
        "0\r\nn\xC3\xA4me: x\r\n\r\n",
        "0\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n",
        "0\r\n\rX",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        for (size_t step = 1; step < 20; step += 6) {
            char body[64];
            size_t left;
            ck_assert_msg(take_all(texts[i], step, body, &left) == CHUNKED_WRONG, "accepted: %s", texts[i]);
        }
}
END_TEST

START_TEST(extensions_and_trailers_of_chunks_have_an_end)
{
    static char text[CHUNK_TRAILERS_MAX + 64], body[sizeof text];
    size_t left;
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "5;", 2);
    ck_assert_int_eq(take_all(text, 1000, body, &left), CHUNKED_WRONG);
    ck_assert_uint_gt(left, CHUNK_TRAILERS_MAX - CHUNK_EXTENSION_MAX - 64);
    memcpy(text, "0\r\nname:", 8);
    ck_assert_int_eq(take_all(text, 1000, body, &left), CHUNKED_WRONG);
    memset(text, ' ', sizeof text - 1);
    memcpy(text, "5", 1);
    ck_assert_int_eq(take_all(text, 1000, body, &left), CHUNKED_WRONG);
}
END_TEST

/* ---- heads ---- */

static int read_head(const char *text, struct exchange *exchange, struct h1_head *head)
{
    static char copy[1024];
    const char *wrong;
    *exchange = (struct exchange){ .fields = exchange->fields_inline, .fields_size = FIELDS_INLINE };
    *head = (struct h1_head){ 0 };
    memcpy(copy, text, strlen(text) + 1);
    return h1_head_read(exchange, copy, strlen(text), head, &wrong);
}

static bool is(struct http_text text, const char *expected)
{
    return text.len == strlen(expected) && memcmp(text.text, expected, text.len) == 0;
}

START_TEST(a_head_is_taken_apart)
{
    static struct exchange exchange;
    struct h1_head head;
    ck_assert_int_eq(
        read_head("POST /a.B/C?x=y HTTP/1.1\r\nHOST: example.org:80\r\nContent-Type: \t application/json \r\n"
                  "Empty:\r\nConnection: x, Close\r\nContent-Length: 12\r\nExpect: 100-Continue\r\n\r\n",
                  &exchange, &head),
        0);
    ck_assert(is(exchange.verb, "POST") && is(exchange.path, "/a.B/C") && is(exchange.query, "x=y"));
    ck_assert(is(exchange.authority, "example.org:80"));
    ck_assert_uint_eq(exchange.fields_n, 2);
    ck_assert(is(exchange.fields[0].name, "content-type") &&
              is(exchange.fields[0].value, "application/json"));
    ck_assert(is(exchange.fields[1].name, "empty") && exchange.fields[1].value.len == 0);
    ck_assert(head.is_last && head.expects_continue && head.body == H1_BODY_LENGTH && head.body_len == 12);

    ck_assert_int_eq(
        read_head("GET http://other.example/x HTTP/1.1\r\nHost: example.org\r\n\r\n", &exchange, &head), 0);
    ck_assert(is(exchange.authority, "other.example") && is(exchange.path, "/x") && !head.is_last);
    ck_assert_int_eq(read_head("GET / HTTP/1.0\r\n\r\n", &exchange, &head), 0);
    ck_assert(head.is_last && head.is_old && head.body == H1_BODY_NONE);
}
END_TEST

START_TEST(heads_that_two_parsers_could_read_in_two_ways_are_refused)
{
    static const struct {
        const char *first, *fields;
        int status;
    } heads[] = {
        { NULL, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400 },
        { NULL, "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400 },
        { NULL, "Content-Length: 5\r\nContent-Length: 5\r\n", 400 },
        { NULL, "Content-Length: 5, 5\r\n", 400 },
        { NULL, "Content-Length: +5\r\n", 400 },
        { NULL, "Content-Length: 0x5\r\n", 400 },
        { NULL, "Content-Length: -1\r\n", 400 },
        { NULL, "Content-Length:\r\n", 400 },
        { NULL, "Content-Length: 5 5\r\n", 400 },
        { NULL, "Content-Length: 9999999999999999999\r\n", 400 },
        { NULL, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400 },
        { NULL, "Transfer-Encoding: gzip, chunked\r\n", 501 },
        { NULL, "Transfer-Encoding: xchunked\r\n", 501 },
        { NULL,
          "Transfer-Encoding: \x0b"
          "chunked\r\n",
          400 },
        { NULL, "Transfer-Encoding : chunked\r\n", 400 },
        { NULL, " Transfer-Encoding: chunked\r\n", 400 },
        { NULL, "Content Length: 5\r\n", 400 },
        { NULL, "a: b\r\n c\r\n", 400 },
        { NULL, "a: b\r\n\tc\r\n", 400 },
        { NULL, "a: b\rc\r\n", 400 },
        { NULL, "a: b\x01\r\n", 400 },
        { NULL, ": b\r\n", 400 },
        { NULL, "a\r\n", 400 },
        { NULL, "Host: other\r\n", 400 },
        { NULL, "Expect: tea\r\n", 417 },
        { "POST  / HTTP/1.1", "", 400 },
        { "POST / HTTP/1.1 ", "", 400 },
        { " POST / HTTP/1.1", "", 400 },
        { "POST /\tx HTTP/1.1", "", 400 },
        { "POST / x HTTP/1.1", "", 400 },
        { "PO(ST / HTTP/1.1", "", 400 },
        { "POST x HTTP/1.1", "", 400 },
        { "POST ftp://a/b HTTP/1.1", "", 400 },
        { "POST http:// HTTP/1.1", "", 400 },
        { "POST http://a@b/ HTTP/1.1", "", 400 },
        { "CONNECT a:80 HTTP/1.1", "", 400 },
        { "POST * HTTP/1.1", "", 400 },
        { "POST /", "", 400 },
        { "POST / http/1.1", "", 400 },
        { "POST / HTTP/1.10", "", 400 },
        { "POST / HTTP/1.2", "", 505 },
        { "POST / HTTP/2.0", "", 505 },
        { "POST / HTTP/1.0", "Transfer-Encoding: chunked\r\n", 400 },
    };
    for (size_t i = 0; i < COUNT(heads); i++) {
        static struct exchange exchange;
        struct h1_head head;
        char text[512];
        snprintf(text, sizeof text, "%s\r\nHost: example.org\r\n%s\r\n", heads[i].first ?: "POST / HTTP/1.1",
                 heads[i].fields);
        ck_assert_msg(read_head(text, &exchange, &head) == heads[i].status, "not %d: %s", heads[i].status,
                      text);
    }
    static struct exchange exchange;
    struct h1_head head;
    ck_assert_int_eq(read_head("GET / HTTP/1.1\r\n\r\n", &exchange, &head), 400); /* no host */
}
END_TEST

START_TEST(a_heads_end_is_found_however_it_is_cut)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
    for (size_t step = 1; step < sizeof text; step++) {
        struct h1_scan scan = { 0 };
        ssize_t end = 0;
        for (size_t len = step; end == 0; len += step) {
            ck_assert_uint_lt(len - step, sizeof text - 1);
            end =
                h1_head_find_end(&scan, (const uint8_t *)text, len < sizeof text - 1 ? len : sizeof text - 1);
        }
        ck_assert_int_eq(end, sizeof text - 1 - 4);
        ck_assert_uint_eq(scan.first_len, 16);
    }
    struct h1_scan scan = { 0 };
    ck_assert_int_eq(h1_head_find_end(&scan, (const uint8_t *)"GET / HTTP/1.1\n\n", 16), UV_EINVAL);
}
END_TEST

/* ---- origins ---- */

START_TEST(an_origin_is_what_browsers_send)
{
    static const char *const right[] = { "https://app.example.org", "http://localhost:5173",
                                         "http://127.0.0.1:8080",   "http://[::1]:3000",
                                         "https://[2001:db8::1]",   "chrome-extension://abcdef" };
    static const char *const wrong[] = { "",
                                         "app.example.org",
                                         "https://",
                                         "https://App.example.org",
                                         "https://a/",
                                         "https://a/b",
                                         "https://a:443",
                                         "http://a:80",
                                         "https://a:0",
                                         "https://a:65536",
                                         "https://a:",
                                         "https://a b",
                                         "https://a@b",
                                         "https://*.example.org",
                                         "null",
                                         "://a",
                                         "1a://b",
                                         "https://[::1",
                                         "https://[]",
                                         "https://a,b" };
    for (size_t i = 0; i < COUNT(right); i++)
        ck_assert_msg(origin_is_valid(right[i], strlen(right[i])), "refused: %s", right[i]);
    for (size_t i = 0; i < COUNT(wrong); i++)
        ck_assert_msg(!origin_is_valid(wrong[i], strlen(wrong[i])), "accepted: %s", wrong[i]);
}
END_TEST

START_TEST(only_a_listed_origin_or_ones_own_may_call)
{
    static const char list[] = "https://a.example,http://b.example:81";
    ck_assert(origin_is_listed(list, "https://a.example", 17));
    ck_assert(origin_is_listed(list, "http://b.example:81", 19));
    ck_assert(!origin_is_listed(list, "http://b.example:8", 18));
    ck_assert(!origin_is_listed(list, "https://a.example,http://b.example:81", sizeof list - 1));
    ck_assert(!origin_is_listed("", "", 1));
    ck_assert(!origin_is_listed("", "null", 4));
    ck_assert(origin_is_listed("*", "null", 4));
    ck_assert(origin_is_own("http://h:81", 11, "http", "H:81", 4));
    ck_assert(!origin_is_own("http://h:81", 11, "https", "h:81", 4));
    ck_assert(!origin_is_own("http://h:81", 11, "http", "h", 1));
    ck_assert(origin_is_own("http://h", 8, "http", "h:80", 4));
    ck_assert(origin_is_own("https://[::1]", 13, "https", "[::1]:443", 9));
    ck_assert(!origin_is_own("http://h", 8, "http", "h:443", 5));
    ck_assert(!origin_is_own("http://h", 8, "http", "h:180", 5));
    ck_assert(!origin_is_own("http://", 7, "http", ":80", 3));
    ck_assert(!origin_is_own("http://", 7, "http", "", 0));
}
END_TEST

/* ---- tables ---- */

START_TEST(codes_have_the_names_and_statuses_of_connect)
{
    ck_assert_str_eq(code_of(1)->name, "canceled");
    ck_assert_int_eq(code_of(1)->http, 499);
    ck_assert_str_eq(code_of(5)->name, "not_found");
    ck_assert_int_eq(code_of(8)->http, 429);
    ck_assert_int_eq(code_of(16)->http, 401);
    ck_assert_str_eq(code_of(17)->name, "internal");
}
END_TEST

START_TEST(methods_and_their_messages_stand_in_the_same_order)
{
    ck_assert_uint_eq(rpc_methods_n, messages_of_methods_n);
    for (size_t i = 0; i < rpc_methods_n; i++)
        ck_assert_str_eq(rpc_methods[i].path, messages_of_methods[i].path);
}
END_TEST

Suite *web_suite(void)
{
    Suite *suite = suite_create("web");
    TCase *tcase = tcase_create("web");
    tcase_add_test(tcase, base64_may_be_padded_wherever_a_piece_ends);
    tcase_add_test(tcase, what_is_not_base64_is_refused);
    tcase_add_test(tcase, base64_of_every_length_comes_back_and_leaves_what_stood_before_it);
    tcase_add_test(tcase, a_chunked_body_comes_whole_however_it_is_cut);
    tcase_add_test(tcase, chunks_that_two_parsers_could_read_in_two_ways_are_refused);
    tcase_add_test(tcase, extensions_and_trailers_of_chunks_have_an_end);
    tcase_add_test(tcase, a_head_is_taken_apart);
    tcase_add_test(tcase, heads_that_two_parsers_could_read_in_two_ways_are_refused);
    tcase_add_test(tcase, a_heads_end_is_found_however_it_is_cut);
    tcase_add_test(tcase, an_origin_is_what_browsers_send);
    tcase_add_test(tcase, only_a_listed_origin_or_ones_own_may_call);
    tcase_add_test(tcase, codes_have_the_names_and_statuses_of_connect);
    tcase_add_test(tcase, methods_and_their_messages_stand_in_the_same_order);
    suite_add_tcase(suite, tcase);
    return suite;
}
