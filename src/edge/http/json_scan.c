/* SPDX-License-Identifier: MIT
 *
 * Literals of JSON: strings, numbers, words. json_values.c turns them into a field's value.
 */
#include <ctype.h>

#include "base/text.h"
#include "edge/http/json_reader.h"

#define WHOLE_DIGITS_MAX 20      /* digits of 2^64 - 1 */
#define EXPONENT_MAX     1000000 /* more than a text has digits; a larger exponent is cut to it */

bool json_take_word(struct json_reader *r, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
        return false;
    if (r->at + len < r->end && (isalnum((uint8_t)r->at[len]) || r->at[len] == '_'))
        return false;
    r->at += len;
    return true;
}

/* ---- strings ---- */

/* Whether a byte of a string can be copied without a check: it is no quotation mark, backslash, control
 * character or part of a multi-byte sequence. */
static inline bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static int hex4(const char *at, const char *end)
{
    int value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        if (!isxdigit((uint8_t)c))
            return -1;
        value = value * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static size_t put_utf8(uint8_t *to, int c)
{
    if (c < 0x80) {
        to[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (uint8_t)(0xC0 | c >> 6);
        to[1] = (uint8_t)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (uint8_t)(0xE0 | c >> 12);
        to[1] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        to[2] = (uint8_t)(0x80 | (c & 0x3F));
        return 3;
    }
    to[0] = (uint8_t)(0xF0 | c >> 18);
    to[1] = (uint8_t)(0x80 | (c >> 12 & 0x3F));
    to[2] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
    to[3] = (uint8_t)(0x80 | (c & 0x3F));
    return 4;
}

/* Decodes \uXXXX, and the second one if it is the first of a surrogate pair; *at is behind the u. */
static int decode_unicode(struct json_reader *r, const char **at, const char *end, uint8_t *to, size_t *len)
{
    const char *escape = *at - 2;
    int c = hex4(*at, end);
    if (c < 0)
        return json_fail(r, escape, "expected four hexadecimal digits after \\u");
    *at += 4;
    if (c >= 0xD800 && c <= 0xDFFF) {
        int low =
            c < 0xDC00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u' ? hex4(*at + 2, end) : -1;
        if (low < 0xDC00 || low > 0xDFFF)
            return json_fail(r, escape, "half of a surrogate pair stands alone, which is no character");
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        *at += 6;
    }
    *len += put_utf8(to, c);
    return 0;
}

/* Decodes a string's escapes; the result is never longer than the text. */
static int decode(struct json_reader *r, const char *at, const char *end, uint8_t *to, size_t *len)
{
    static const char named[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    *len = 0;
    while (at < end) {
        const char *backslash = memchr(at, '\\', (size_t)(end - at));
        size_t run = (size_t)((backslash ? backslash : end) - at);
        memcpy(to + *len, at, run);
        *len += run;
        if (!backslash)
            break;
        at = backslash + 2; /* scan_string() has checked that a character follows */
        const char *name = backslash[1] ? strchr(named, backslash[1]) : NULL;
        if (name) {
            to[(*len)++] = (uint8_t)meant[name - named];
        } else if (backslash[1] == 'u') {
            int rc = decode_unicode(r, &at, end, to + *len, len);
            if (rc)
                return rc;
        } else {
            return json_fail(r, backslash,
                             "expected one of \" \\ / b f n r t u after a backslash in a string");
        }
    }
    return 0;
}

/* Finds the closing quotation mark; the reader is behind the opening one. */
static int scan_string(struct json_reader *r, const char **end, bool *escaped, bool *wide)
{
    const char *c = r->at;
    for (;; c++) {
        while (c < r->end && is_plain((uint8_t)*c))
            c++;
        if (c == r->end)
            return json_fail(r, r->at - 1, "a string has no end");
        if (*c == '"')
            break;
        if ((uint8_t)*c < 0x20)
            return json_fail(r, c, "the control character \\u%04x stands in a string without being escaped",
                             *c);
        if (*c != '\\') {
            *wide = true;
            continue;
        }
        *escaped = true;
        if (++c == r->end)
            return json_fail(r, r->at - 1, "a string has no end");
        c -= (uint8_t)*c < 0x20 || (uint8_t)*c >= 0x80; /* what is wrong with it is found next or by decode */
    }
    *end = c;
    return 0;
}

int json_read_string(struct json_reader *r, struct json_span *string)
{
    if (json_peek(r) != '"')
        return json_fail_syntax(r, r->at, "a string");
    r->at++;
    const char *begin = r->at, *end = begin;
    bool escaped = false, wide = false;
    int rc = scan_string(r, &end, &escaped, &wide);
    if (rc)
        return rc;
    *string = (struct json_span){ begin, (size_t)(end - begin) };
    if (wide) {
        size_t valid = text_utf8_len((const uint8_t *)begin, string->len);
        if (valid < string->len)
            return json_fail(r, begin + valid, "the byte 0x%02X is not valid UTF-8 here",
                             (uint8_t)begin[valid]);
    }
    if (escaped) {
        if (bytes_reserve(r->out, string->len))
            return json_fail_memory(r);
        uint8_t *to = r->out->data + r->out->len;
        rc = decode(r, begin, end, to, &string->len);
        if (rc)
            return rc;
        string->text = (const char *)to;
    }
    r->at = end + 1;
    return 0;
}

/* ---- numbers ---- */

static inline const char *skip_digits(const char *c, const char *end)
{
    while (c < end && *c >= '0' && *c <= '9')
        c++;
    return c;
}

/* The end of the number that starts here; NULL: none does. */
static const char *number_end(const char *c, const char *end)
{
    if (c < end && *c == '-')
        c++;
    const char *digits = c;
    c = skip_digits(c, end);
    if (c == digits || (*digits == '0' && c - digits > 1))
        return NULL;
    if (c < end && *c == '.') {
        digits = ++c;
        c = skip_digits(c, end);
        if (c == digits)
            return NULL;
    }
    if (c < end && (*c == 'e' || *c == 'E')) {
        c++;
        if (c < end && (*c == '+' || *c == '-'))
            c++;
        digits = c;
        c = skip_digits(c, end);
        if (c == digits)
            return NULL;
    }
    return c;
}

int json_read_number(struct json_reader *r, struct json_span *number)
{
    const char *end = number_end(r->at, r->end);
    if (!end || (end < r->end && !strchr(" \t\r\n,]}", *end)))
        return json_fail_value(r, r->at, "a number as JSON writes it");
    *number = (struct json_span){ r->at, (size_t)(end - r->at) };
    r->at = end;
    return 0;
}

bool json_is_number(struct json_span text)
{
    const char *end = text.text + text.len;
    return number_end(text.text, end) == end && text.len;
}

/* The exponent of a number, cut to ±EXPONENT_MAX. */
static long exponent_of(const char *c, const char *end)
{
    if (c == end)
        return 0;
    c++; /* e */
    bool negative = *c == '-';
    if (*c == '-' || *c == '+')
        c++;
    long exponent = 0;
    for (; c < end; c++)
        if (exponent < EXPONENT_MAX)
            exponent = exponent * 10 + (*c - '0');
    if (exponent > EXPONENT_MAX)
        exponent = EXPONENT_MAX;
    return negative ? -exponent : exponent;
}

/* The integer that a number with a point or an exponent stands for. The exponent moves the point: digits
 * before its new place count, those behind it must be zeros. */
static bool shifted_number(const char *c, const char *end, uint64_t *magnitude)
{
    const char *mantissa_end = c, *point = NULL;
    for (; mantissa_end < end && *mantissa_end != 'e' && *mantissa_end != 'E'; mantissa_end++)
        if (*mantissa_end == '.')
            point = mantissa_end;
    long places =
        (point ? point - c : mantissa_end - c) + exponent_of(mantissa_end, end); /* before the point */
    uint64_t value = 0;
    bool any = false;
    for (; c < mantissa_end; c++) {
        if (c == point)
            continue;
        unsigned digit = (unsigned)(*c - '0');
        if (places > 0) {
            if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
                return false;
        } else if (digit) {
            return false;
        }
        any |= digit != 0;
        places--;
    }
    if (any && places > WHOLE_DIGITS_MAX)
        return false;
    for (; any && places > 0; places--)
        if (__builtin_mul_overflow(value, 10, &value))
            return false;
    *magnitude = value;
    return true;
}

bool json_whole_number(struct json_span number, bool *negative, uint64_t *magnitude)
{
    const char *c = number.text, *end = c + number.len;
    *negative = *c == '-';
    c += *negative;
    const char *digits_end = skip_digits(c, end);
    if (digits_end < end)
        return shifted_number(c, end, magnitude);
    uint64_t value = 0;
    for (; c < end; c++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*c - '0'), &value))
            return false;
    *magnitude = value;
    return true;
}

/* ---- base64 ---- */

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    if (c == '/' || c == '_')
        return 63;
    return -1;
}

bool json_base64(struct json_span text, uint8_t *bytes, size_t *len)
{
    size_t n = text.len, out = 0;
    if (n % 4 == 0) /* padding only completes a group of four */
        for (int i = 0; i < 2 && n && text.text[n - 1] == '='; i++)
            n--;
    if (n % 4 == 1)
        return false;
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        int digit = base64_digit(text.text[i]);
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4)
            bytes[out++] = (uint8_t)(bits >> (6 - i % 4 * 2));
    }
    *len = out;
    return true;
}
