/* SPDX-License-Identifier: MIT
 *
 * What our own edge reads of its peers before a call is made of it: deadlines, the PROXY protocol, HPACK and
 * frames ahead of nghttp2, compressed messages, paths.
 */
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <zlib.h>

#include "edge/http/h2_guard.h"
#include "edge/http/hpack_cut.h"
#include "edge/http/inflate.h"
#include "edge/http/method_table.h"
#include "edge/http/proxy.h"
#include "edge/http/text.h"
#include "edge/http/timeout.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- deadlines ---- */

START_TEST(a_timeout_is_up_to_eight_digits_and_a_unit)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } good[] = {
        { "0n", 0 },
        { "1n", 1 },
        { "7u", 7000 },
        { "250m", 250000000 },
        { "00000001S", 1000000000 },
        { "2M", 120000000000 },
        { "1H", 3600000000000 },
        { "99999999H", UINT64_MAX }, /* more than fits */
    };
    static const char *const bad[] = {
        "", "1", "m", "-1m", "+1m", " 1m", "1m ", "1 m", "1s", "1.5S", "123456789m", "0x1m", "1mm", "١S",
    };
    uint64_t ns;
    for (size_t i = 0; i < COUNT(good); i++) {
        ck_assert_msg(timeout_parse_grpc(good[i].text, strlen(good[i].text), &ns) == 0, "%s", good[i].text);
        ck_assert_uint_eq(ns, good[i].ns);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        ck_assert_msg(timeout_parse_grpc(bad[i], strlen(bad[i]), &ns) == UV_EINVAL, "taken: '%s'", bad[i]);
}
END_TEST

START_TEST(a_timeout_in_milliseconds_is_up_to_ten_digits)
{
    static const char *const bad[] = { "", "-1", "1.0", "1e3", "10ms", "12345678901", " 1" };
    uint64_t ns;
    ck_assert_int_eq(timeout_parse_ms("0", 1, &ns), 0);
    ck_assert_uint_eq(ns, 0);
    ck_assert_int_eq(timeout_parse_ms("9999999999", 10, &ns), 0);
    ck_assert_uint_eq(ns, UINT64_C(9999999999000000));
    for (size_t i = 0; i < COUNT(bad); i++)
        ck_assert_msg(timeout_parse_ms(bad[i], strlen(bad[i]), &ns) == UV_EINVAL, "taken: '%s'", bad[i]);
}
END_TEST

START_TEST(a_deadline_that_is_centuries_away_is_none)
{
    uint64_t now_ns = uv_hrtime();
    ck_assert_uint_ge(timeout_deadline_ns(5), now_ns + 5);
    ck_assert_uint_lt(timeout_deadline_ns(5), now_ns + UINT64_C(600000000000));
    ck_assert_uint_eq(timeout_deadline_ns(UINT64_MAX), UINT64_MAX);
    ck_assert_uint_eq(timeout_deadline_ns(INT64_MAX), UINT64_MAX);
}
END_TEST

/* ---- the PROXY protocol ---- */

#define V2 "\r\n\r\n\0\r\nQUIT\n"

struct said {
    const char *bytes;
    size_t len;
    const char *ip; /* NULL: the peer's own */
};
#define SAID(bytes, ip)                                                                                      \
    {                                                                                                        \
        bytes, sizeof(bytes) - 1, ip                                                                         \
    }

START_TEST(a_proxy_says_whom_it_speaks_for_and_not_a_byte_more_is_taken)
{
    static const struct said good[] = {
        SAID("PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n", "192.0.2.1"),
        SAID("PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", "2001:db8::1"),
        SAID("PROXY UNKNOWN\r\n", NULL),
        SAID("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", NULL),
        SAID(V2 "\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\4\xd2\0\x50", "192.0.2.1"),
        SAID(V2 "\x21\x11\0\x10\xc0\0\2\1\xc0\0\2\2\4\xd2\0\x50TLV!", "192.0.2.1"),
        SAID(V2 "\x21\x21\0\x24\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
             "2001:db8::1"),
        SAID(V2 "\x20\0\0\0", NULL),       /* LOCAL: its own check of health */
        SAID(V2 "\x20\x11\0\x02!!", NULL), /* likewise, whatever follows */
        SAID(V2 "\x21\x31\0\x03"
                "abc",
             NULL), /* from a unix socket */
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        uint8_t bytes[256];
        char text[ADDRESS_TEXT_LEN];
        struct ip ip;
        bool has_ip;
        memcpy(bytes, good[i].bytes, good[i].len);
        memset(bytes + good[i].len, 'G', 8); /* GET ... */
        ck_assert_int_eq(proxy_parse(bytes, good[i].len + 8, &ip, &has_ip), (int)good[i].len);
        ck_assert_int_eq(has_ip, good[i].ip != NULL);
        if (has_ip) {
            ip_format(&ip, text);
            ck_assert_str_eq(text, good[i].ip);
        }
        for (size_t len = 1; len < good[i].len; len++) /* more is awaited, whatever is there */
            ck_assert_int_eq(proxy_parse(bytes, len, &ip, &has_ip), 0);
    }
}
END_TEST

START_TEST(what_is_no_proxy_is_refused)
{
    static const struct said bad[] = {
        SAID("GET / HTTP/1.1\r\n", NULL),
        SAID("PRI * HTTP/2.0\r\n", NULL),
        SAID("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n", NULL),
        SAID("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n", NULL),
        SAID("PROXY TCP4 nobody 192.0.2.2 1 2\r\n", NULL),
        SAID("PROXY TCP4 192.0.2.1\r\n", NULL),
        SAID("PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n", NULL),
        SAID("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", NULL),
        SAID("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", NULL),
        SAID("PROXY TCP4 192.0.2.1 192.0.2.2\r\n", NULL),
        SAID("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", NULL),
        SAID("PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n", NULL),
        SAID("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n", NULL),
        SAID("PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n", NULL),
        SAID("PROXY TCP4 192.0.2.1 nobody 1 2\r\n", NULL),
        SAID("PROXY UNKNOWNX\r\n", NULL),
        SAID("PROXY \n", NULL),
        SAID("PROXY \r\n", NULL),
        SAID(V2 "\x11\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\4\xd2\0\x50", NULL), /* version 1 */
        SAID(V2 "\x22\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\4\xd2\0\x50", NULL), /* command 2 */
        SAID(V2 "\x21\x11\0\x04\xc0\0\2\1", NULL),                       /* addresses cut off */
        SAID(V2 "\x21\x11\xff\xff", NULL),                               /* longer than anyone needs */
    };
    struct ip ip;
    bool has_ip;
    char endless[200];
    for (size_t i = 0; i < COUNT(bad); i++)
        ck_assert_msg(proxy_parse((const uint8_t *)bad[i].bytes, bad[i].len, &ip, &has_ip) == UV_EINVAL,
                      "taken: row %zu", i);
    memset(endless, 'x', sizeof endless);
    memcpy(endless, "PROXY TCP4 ", 11);
    ck_assert_int_eq(proxy_parse((const uint8_t *)endless, sizeof endless, &ip, &has_ip), UV_EINVAL);
}
END_TEST

/* ---- HPACK ---- */

static size_t put_text(uint8_t *block, size_t at, size_t len, char c)
{
    if (len < 127) {
        block[at++] = (uint8_t)len;
    } else {
        block[at++] = 127;
        size_t rest = len - 127;
        for (; rest >= 128; rest >>= 7)
            block[at++] = (uint8_t)(rest & 127) | 128;
        block[at++] = (uint8_t)rest;
    }
    memset(block + at, c, len);
    return at + len;
}

START_TEST(a_block_without_long_texts_stays_as_it_is)
{
    static uint8_t block[70000], copy[70000];
    bool has_cut = true;
    size_t len = 0;
    block[len++] = 0x82; /* indexed */
    block[len++] = 0x20; /* a table's size */
    block[len++] = 0x40; /* a literal for the table */
    len = put_text(block, len, 3, 'n');
    len = put_text(block, len, 65536, 'v'); /* as long as may be */
    block[len++] = 0x0f;                    /* a literal beside it, name 15 + 3 */
    block[len++] = 0x03;
    len = put_text(block, len, 5, 'w');
    memcpy(copy, block, len);
    ck_assert_uint_eq(hpack_cut(block, len, &has_cut), len);
    ck_assert(!has_cut && memcmp(block, copy, len) == 0);
    ck_assert_uint_eq(hpack_cut(block, 0, &has_cut), 0);
}
END_TEST

START_TEST(a_long_text_becomes_one_that_still_empties_the_table)
{
    static uint8_t block[140000];
    bool has_cut = false;
    size_t len = 0;
    block[len++] = 0x40;
    len = put_text(block, len, 65537, 'n');
    len = put_text(block, len, 70000, 'v');
    block[len++] = 0x83;
    size_t cut = hpack_cut(block, len, &has_cut);
    ck_assert(has_cut);
    ck_assert_uint_eq(cut, 1 + 2 * (3 + 4096) + 1);
    ck_assert_uint_eq(block[cut - 1], 0x83);
    ck_assert(!hpack_cut(block, cut, &has_cut) || !has_cut); /* and again: nothing to do */
}
END_TEST

START_TEST(a_damaged_block_is_left_to_whoever_reads_it)
{
    static const struct said damaged[] = {
        SAID("\x40\x05"
             "ab",
             NULL),                                     /* a text that is longer than the rest */
        SAID("\xff\xff\xff\xff\xff\xff\xff\x7f", NULL), /* an integer without end */
        SAID("\x7f", NULL),                             /* that breaks off */
        SAID("\x82\x00\x01", NULL),
    };
    for (size_t i = 0; i < COUNT(damaged); i++) {
        uint8_t block[64];
        bool has_cut;
        memcpy(block, damaged[i].bytes, damaged[i].len);
        ck_assert_uint_eq(hpack_cut(block, damaged[i].len, &has_cut), damaged[i].len);
        ck_assert(!has_cut && memcmp(block, damaged[i].bytes, damaged[i].len) == 0);
    }
}
END_TEST

/* ---- frames before nghttp2 ---- */

static struct bytes passed;

static void on_pass(void *data, uint8_t *bytes, size_t len)
{
    (void)data;
    ck_assert_int_eq(bytes_reserve(&passed, len), 0);
    bytes_put(&passed, bytes, len);
}

static size_t put_frame(uint8_t *out, uint8_t type, uint8_t flags, uint8_t stream, const void *payload,
                        size_t len)
{
    const uint8_t head[H2_HEAD_LEN] = { 0, (uint8_t)(len >> 8), (uint8_t)len, type, flags, 0, 0, 0, stream };
    memcpy(out, head, sizeof head);
    if (len)
        memcpy(out + sizeof head, payload, len);
    return sizeof head + len;
}

/* Hands the frames over in pieces of this length. */
static void guard_takes(struct h2_guard *guard, const uint8_t *bytes, size_t len, size_t piece)
{
    for (size_t at = 0; at < len; at += piece) {
        uint8_t copy[512];
        size_t n = len - at < piece ? len - at : piece;
        memcpy(copy, bytes + at, n);
        h2_guard_receive(guard, copy, n);
    }
}

START_TEST(headers_in_pieces_pass_as_one_frame_however_they_are_cut)
{
    uint8_t sent[256], expected[256];
    size_t len = H2_MAGIC_LEN, expected_len;
    memset(sent, 'M', len);
    memcpy(expected, sent, len);
    expected_len = len;
    len +=
        put_frame(sent + len, 1, 0x29, 1, "\x02\0\0\0\0\x10\x82\x84\0\0", 10); /* padded, with a priority */
    len += put_frame(sent + len, 9, 0, 1, "\x86", 1);
    len += put_frame(sent + len, 9, 0, 1, "", 0);
    len += put_frame(sent + len, 9, 4, 1, "\x87", 1);
    len += put_frame(sent + len, 0, 1, 1, "hello", 5);
    expected_len += put_frame(expected + expected_len, 1, 5, 1, "\x82\x84\x86\x87", 4);
    expected_len += put_frame(expected + expected_len, 0, 1, 1, "hello", 5);
    for (size_t piece = 1; piece <= len; piece++) {
        struct h2_guard guard;
        h2_guard_init(&guard, on_pass, NULL);
        passed.len = 0;
        guard_takes(&guard, sent, len, piece);
        ck_assert_int_eq(guard.reason, REASON_NONE);
        ck_assert_uint_eq(passed.len, expected_len);
        ck_assert(memcmp(passed.data, expected, expected_len) == 0);
        h2_guard_finish(&guard);
    }
    bytes_finish(&passed);
}
END_TEST

START_TEST(headers_that_break_off_or_are_padded_beyond_themselves_end_it)
{
    static const struct {
        uint8_t type, flags, stream;
        enum http_reason reason;
    } after[] = {
        { 0, 1, 1, REASON_PROTOCOL_ERROR }, /* data, before they are whole */
        { 9, 4, 3, REASON_PROTOCOL_ERROR }, /* another stream's */
        { 1, 4, 3, REASON_PROTOCOL_ERROR },
        { 9, 4, 1, REASON_PROTOCOL_ERROR }, /* whole, but padded by 200 */
    };
    for (size_t i = 0; i < COUNT(after); i++) {
        struct h2_guard guard;
        uint8_t sent[64];
        size_t len = H2_MAGIC_LEN;
        memset(sent, 'M', len);
        len += put_frame(sent + len, 1, 8, 1, "\xc8\x82", 2);
        len += put_frame(sent + len, after[i].type, after[i].flags, after[i].stream, "\x82", 1);
        h2_guard_init(&guard, on_pass, NULL);
        guard_takes(&guard, sent, len, len);
        ck_assert_int_eq(guard.reason, after[i].reason);
        h2_guard_finish(&guard);
    }
    bytes_finish(&passed);
}
END_TEST

START_TEST(patience_runs_out_and_comes_back_with_what_is_earned)
{
    struct h2_guard guard;
    h2_guard_init(&guard, on_pass, NULL);
    for (int i = 0; i < 1000000; i++) { /* who asks no more often than it is answered */
        h2_guard_spend(&guard, 4, REASON_FLOOD);
        h2_guard_earn(&guard, 4);
    }
    ck_assert_int_eq(guard.reason, REASON_NONE);
    for (int i = 0; i < 1000000 && !guard.reason; i++)
        h2_guard_spend(&guard, 4, REASON_FLOOD);
    ck_assert_int_eq(guard.reason, REASON_FLOOD);
    h2_guard_spend(&guard, 4000, REASON_RESETS);
    ck_assert_int_eq(guard.reason, REASON_FLOOD); /* the first counts */
    h2_guard_finish(&guard);
}
END_TEST

/* ---- compressed messages ---- */

static size_t deflated(uint8_t *out, size_t size, const uint8_t *bytes, size_t len, int window_bits)
{
    z_stream stream = {
        .next_in = (uint8_t *)bytes, .avail_in = (uInt)len, .next_out = out, .avail_out = (uInt)size
    };
    ck_assert_int_eq(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    return stream.total_out;
}

START_TEST(a_message_is_inflated_to_its_greatest_length_and_not_a_byte_further)
{
    static const uint8_t nothing[100000];
    uint8_t packed[2000];
    struct bytes out = { 0 };
    for (enum encoding encoding = ENCODING_GZIP; encoding <= ENCODING_DEFLATE; encoding++) {
        size_t len =
            deflated(packed, sizeof packed, nothing, sizeof nothing, encoding == ENCODING_GZIP ? 31 : 15);
        ck_assert_int_eq(inflate_message(encoding, packed, len, &out, sizeof nothing), 0);
        ck_assert_uint_eq(out.len, sizeof nothing);
        ck_assert_int_eq(inflate_message(encoding, packed, len, &out, sizeof nothing - 1), UV_EMSGSIZE);
        ck_assert_int_eq(inflate_message(encoding, packed, len, &out, 0), UV_EMSGSIZE);
        for (size_t cut = 0; cut < len; cut++)
            ck_assert_int_eq(inflate_message(encoding, packed, cut, &out, sizeof nothing), UV_EINVAL);
        packed[len] = 'x'; /* more than the message */
        ck_assert_int_eq(inflate_message(encoding, packed, len + 1, &out, sizeof nothing), UV_EINVAL);
        len = deflated(packed, sizeof packed, nothing, 0, encoding == ENCODING_GZIP ? 31 : 15);
        ck_assert_int_eq(inflate_message(encoding, packed, len, &out, 0), 0);
        ck_assert_uint_eq(out.len, 0);
    }
    ck_assert_int_eq(encoding_parse("gzip", 4), ENCODING_GZIP);
    ck_assert_int_eq(encoding_parse("GZip", 4), ENCODING_GZIP); /* RFC 9110, 8.4.1 */
    ck_assert_int_eq(encoding_parse("gzi", 3), ENCODING_UNKNOWN);
    ck_assert_int_eq(encoding_parse("", 0), ENCODING_UNKNOWN);
    bytes_finish(&out);
}
END_TEST

/* ---- paths and text ---- */

START_TEST(each_method_is_found_by_its_path_and_by_no_other)
{
    struct method_table table;
    ck_assert_int_eq(method_table_init(&table), 0);
    for (size_t i = 0; i < rpc_methods_n; i++) {
        const char *path = rpc_methods[i].path;
        size_t len = strlen(path);
        char other[256];
        ck_assert_ptr_eq(method_table_find(&table, path, len), &rpc_methods[i]);
        for (size_t cut = 0; cut < len; cut++)
            ck_assert_ptr_null(method_table_find(&table, path, cut));
        snprintf(other, sizeof other, "%sx", path);
        ck_assert_ptr_null(method_table_find(&table, other, len + 1));
        other[len] = '\0';
        ck_assert_ptr_null(method_table_find(&table, other, len + 1));
        other[len / 2] ^= 0x20;
        ck_assert_ptr_null(method_table_find(&table, other, len));
    }
    method_table_finish(&table);
}
END_TEST

static struct http_text text_of(const char *text)
{
    return (struct http_text){ text, strlen(text) };
}

START_TEST(text_is_what_http_wants_of_it)
{
    int64_t number;
    ck_assert(http_text_is_token(text_of("x-a_b.c!"), false) && http_text_is_token(text_of("GET"), true));
    ck_assert(!http_text_is_token(text_of("X"), false) && !http_text_is_token(text_of(""), true));
    for (const char *c = " \t:;,()<>@/[]?={}\"\\\x7f\x80\xff"; *c; c++)
        ck_assert(!http_text_is_token((struct http_text){ c, 1 }, true));
    ck_assert(http_text_is_value(text_of("a b\t\x01\xff")) && !http_text_is_value(text_of("a\rb")));
    ck_assert(!http_text_is_value((struct http_text){ "a\0b", 3 }) && !http_text_is_value(text_of("\n")));
    ck_assert(http_text_is_line(text_of("a b\t\xff")) && !http_text_is_line(text_of("a\x01")));
    ck_assert(http_text_is_number(text_of("0042"), &number) && number == 42);
    ck_assert(http_text_is_number(text_of("999999999999999999"), &number));
    for (size_t i = 0; i < 5; i++)
        ck_assert(!http_text_is_number(
            text_of((const char *[]){ "", "-1", "1 ", "0x1", "1000000000000000000" }[i]), &number));
}
END_TEST

Suite *peers_words_suite(void)
{
    Suite *suite = suite_create("peers_words");
    TCase *tcase = tcase_create("peers_words");
    tcase_add_test(tcase, a_timeout_is_up_to_eight_digits_and_a_unit);
    tcase_add_test(tcase, a_timeout_in_milliseconds_is_up_to_ten_digits);
    tcase_add_test(tcase, a_deadline_that_is_centuries_away_is_none);
    tcase_add_test(tcase, a_proxy_says_whom_it_speaks_for_and_not_a_byte_more_is_taken);
    tcase_add_test(tcase, what_is_no_proxy_is_refused);
    tcase_add_test(tcase, a_block_without_long_texts_stays_as_it_is);
    tcase_add_test(tcase, a_long_text_becomes_one_that_still_empties_the_table);
    tcase_add_test(tcase, a_damaged_block_is_left_to_whoever_reads_it);
    tcase_add_test(tcase, headers_in_pieces_pass_as_one_frame_however_they_are_cut);
    tcase_add_test(tcase, headers_that_break_off_or_are_padded_beyond_themselves_end_it);
    tcase_add_test(tcase, patience_runs_out_and_comes_back_with_what_is_earned);
    tcase_add_test(tcase, a_message_is_inflated_to_its_greatest_length_and_not_a_byte_further);
    tcase_add_test(tcase, each_method_is_found_by_its_path_and_by_no_other);
    tcase_add_test(tcase, text_is_what_http_wants_of_it);
    suite_add_tcase(suite, tcase);
    return suite;
}
