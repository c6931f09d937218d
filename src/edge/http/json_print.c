/* SPDX-License-Identifier: MIT
 *
 * How JSON writes a value: text with its escapes, base64, numbers.
 */
#include "edge/http/json_print.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "base/text.h"

/* ---- text ---- */

/* How a byte is written: 0: as it is; 'u': as \u00XX; else as a backslash and this letter. */
static char escape_of(uint8_t c)
{
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'
    };
    if (c < 0x20)
        return letters[c] ? letters[c] : 'u';
    if (c == '"' || c == '\\')
        return (char)c;
    return c == 0x7F ? 'u' : 0;
}

static int put_escaped(struct bytes *out, const uint8_t *text, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < len;) {
        size_t run = i;
        while (run < len && !escape_of(text[run]))
            run++;
        int rc = bytes_reserve(out, run - i + 8);
        if (rc)
            return rc;
        bytes_put(out, text + i, run - i);
        i = run;
        if (i == len)
            break;
        uint8_t c = text[i++];
        bytes_put_byte(out, '\\');
        bytes_put_byte(out, (uint8_t)escape_of(c));
        if (escape_of(c) == 'u') {
            bytes_put(out, "00", 2);
            bytes_put_byte(out, (uint8_t)hex[c >> 4]);
            bytes_put_byte(out, (uint8_t)hex[c & 15]);
        }
    }
    return 0;
}

int json_put_text(struct bytes *out, const char *text, size_t len)
{
    size_t before = out->len;
    const uint8_t *at = (const uint8_t *)text;
    int rc = bytes_reserve(out, len + 8);
    if (rc)
        return rc;
    bytes_put_byte(out, '"');
    while (!rc && len) {
        size_t valid = text_utf8_len(at, len);
        rc = put_escaped(out, at, valid);
        if (!rc)
            rc = bytes_reserve(out, 8);
        if (!rc && valid < len)
            bytes_put(out, "\xEF\xBF\xBD", 3);
        valid += valid < len;
        at += valid;
        len -= valid;
    }
    if (!rc)
        rc = bytes_reserve(out, 1);
    if (rc)
        out->len = before;
    else
        bytes_put_byte(out, '"');
    return rc;
}

int json_put_utf8(struct bytes *out, const uint8_t *text, size_t len)
{
    if (!text_is_utf8(text, len))
        return UV_EINVAL;
    int rc = bytes_reserve(out, 1);
    if (rc)
        return rc;
    bytes_put_byte(out, '"');
    rc = put_escaped(out, text, len);
    if (!rc)
        rc = bytes_reserve(out, 1);
    if (!rc)
        bytes_put_byte(out, '"');
    return rc;
}

int json_put_base64(struct bytes *out, const uint8_t *in, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    int rc = bytes_reserve(out, len / 3 * 4 + 8);
    if (rc)
        return rc;
    bytes_put_byte(out, '"');
    for (const uint8_t *end = in + len; in < end;) {
        size_t n = end - in < 3 ? (size_t)(end - in) : 3;
        uint32_t bits = 0;
        for (size_t i = 0; i < 3; i++)
            bits = bits << 8 | (i < n ? in[i] : 0);
        for (size_t i = 0; i < 4; i++)
            bytes_put_byte(out, i <= n ? (uint8_t)digits[bits >> (18 - 6 * i) & 63] : '=');
        in += n;
    }
    bytes_put_byte(out, '"');
    return 0;
}

/* ---- numbers ---- */

static void put_unsigned(struct bytes *out, uint64_t value)
{
    char digits[20];
    size_t n = sizeof digits;
    do
        digits[--n] = (char)('0' + value % 10);
    while (value /= 10);
    bytes_put(out, digits + n, sizeof digits - n);
}

static void put_signed(struct bytes *out, int64_t value)
{
    if (value < 0)
        bytes_put_byte(out, '-');
    put_unsigned(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* The fewest digits that read back as the same number. Up to DBL_DIG (FLT_DIG) digits printf finds the fewest
 * itself, but not for subnormal numbers, which have lost bits. */
static void put_real(struct bytes *out, double value, bool is_float)
{
    char text[JSON_NUMBER_MAX_LEN];
    bool is_small = fabs(value) < (is_float ? (double)FLT_MIN : DBL_MIN);
    int digits = is_small   ? 1
                 : is_float ? FLT_DIG
                            : DBL_DIG,
        most = is_float ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG;
    for (;; digits++) {
        int len = snprintf(text, sizeof text, "%.*g", digits, value);
        bool same = is_float ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value;
        if (same || digits >= most) {
            bytes_put(out, text, (size_t)len);
            return;
        }
    }
}

static void put_special_or_real(struct bytes *out, double value, bool is_float)
{
    if (isnan(value))
        bytes_put(out, "\"NaN\"", 5);
    else if (isinf(value))
        bytes_put(out, value > 0 ? "\"Infinity\"" : "\"-Infinity\"", value > 0 ? 10 : 11);
    else if (value == 0 && signbit(value)) /* a reader that takes -0 for an integer would lose the sign */
        bytes_put(out, "-0.0", 4);
    else
        put_real(out, value, is_float);
}

static void put_float(struct bytes *out, uint64_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    put_special_or_real(out, (double)value, true);
}

static void put_double(struct bytes *out, uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    put_special_or_real(out, value, false);
}

static void put_int32(struct bytes *out, uint64_t bits)
{
    put_signed(out, (int32_t)bits);
}

static void put_uint32(struct bytes *out, uint64_t bits)
{
    put_unsigned(out, (uint32_t)bits);
}

static void put_sint32(struct bytes *out, uint64_t bits)
{
    put_signed(out, (int32_t)((uint32_t)bits >> 1 ^ (0 - ((uint32_t)bits & 1))));
}

static void put_quoted_signed(struct bytes *out, int64_t value)
{
    bytes_put_byte(out, '"');
    put_signed(out, value);
    bytes_put_byte(out, '"');
}

static void put_int64(struct bytes *out, uint64_t bits)
{
    put_quoted_signed(out, (int64_t)bits);
}

static void put_sint64(struct bytes *out, uint64_t bits)
{
    put_quoted_signed(out, (int64_t)(bits >> 1 ^ (0 - (bits & 1))));
}

static void put_uint64(struct bytes *out, uint64_t bits)
{
    bytes_put_byte(out, '"');
    put_unsigned(out, bits);
    bytes_put_byte(out, '"');
}

static void put_bool(struct bytes *out, uint64_t bits)
{
    bytes_put(out, bits ? "true" : "false", bits ? 4 : 5);
}

typedef void put_fn(struct bytes *out, uint64_t bits);

void json_put_number(struct bytes *out, enum field_type type, uint64_t bits)
{
    static put_fn *const writers[FIELD_TYPES_N] = {
        [FIELD_DOUBLE] = put_double,  [FIELD_FLOAT] = put_float,    [FIELD_INT64] = put_int64,
        [FIELD_UINT64] = put_uint64,  [FIELD_INT32] = put_int32,    [FIELD_FIXED64] = put_uint64,
        [FIELD_FIXED32] = put_uint32, [FIELD_BOOL] = put_bool,      [FIELD_UINT32] = put_uint32,
        [FIELD_SFIXED32] = put_int32, [FIELD_SFIXED64] = put_int64, [FIELD_SINT32] = put_sint32,
        [FIELD_SINT64] = put_sint64,  [FIELD_ENUM] = put_int32,
    };
    writers[type](out, bits);
}
