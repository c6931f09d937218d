/* SPDX-License-Identifier: MIT
 *
 * Reads a value of a JSON text and writes it as a field's protobuf value: one function for each kind of value
 * that the JSON mapping has.
 */
#include <math.h>
#include <stdlib.h>

#include "edge/http/json_reader.h"
#include "edge/http/json_wire.h"

int json_make_room(struct json_reader *r, size_t len)
{
    if (r->out->len - r->start > r->max)
        return json_fail_size(r);
    return bytes_reserve(r->out, len) ? json_fail_memory(r) : 0;
}

/* ---- pieces that are preceded by their length ---- */

/* Nearly every length fits into one byte, so one is reserved for it. */
size_t json_open_length(struct json_reader *r)
{
    bytes_put_byte(r->out, 0);
    return r->out->len;
}

int json_close_length(struct json_reader *r, size_t start)
{
    size_t len = r->out->len - start;
    if (len < 0x80) {
        r->out->data[start - 1] = (uint8_t)len;
        return 0;
    }
    if (bytes_reserve(r->out, WIRE_VARINT_MAX_LEN))
        return json_fail_memory(r);
    size_t more = 0;
    for (size_t rest = len >> 7; rest; rest >>= 7)
        more++;
    memmove(r->out->data + start + more, r->out->data + start, len);
    r->out->len = start - 1;
    wire_put_varint(r->out, len);
    r->out->len += len;
    return 0;
}

/* ---- values ---- */

enum how { AS_VARINT, AS_ZIGZAG, AS_FIXED32, AS_FIXED64 };

struct integer {
    enum how how;
    uint64_t min; /* the magnitude of the smallest value */
    uint64_t max;
    const char *range;
};

#define RANGE_INT32                                                                                          \
    .min = UINT64_C(1) << 31, .max = INT32_MAX, .range = "a whole number from -2147483648 to 2147483647"
#define RANGE_UINT32 .max = UINT32_MAX, .range = "a whole number from 0 to 4294967295"
#define RANGE_INT64                                                                                          \
    .min = UINT64_C(1) << 63, .max = INT64_MAX,                                                              \
    .range = "a whole number from -9223372036854775808 to 9223372036854775807"
#define RANGE_UINT64 .max = UINT64_MAX, .range = "a whole number from 0 to 18446744073709551615"

static const struct integer integers[FIELD_TYPES_N] = {
    [FIELD_INT32] = { AS_VARINT, RANGE_INT32 },     [FIELD_ENUM] = { AS_VARINT, RANGE_INT32 },
    [FIELD_SINT32] = { AS_ZIGZAG, RANGE_INT32 },    [FIELD_SFIXED32] = { AS_FIXED32, RANGE_INT32 },
    [FIELD_UINT32] = { AS_VARINT, RANGE_UINT32 },   [FIELD_FIXED32] = { AS_FIXED32, RANGE_UINT32 },
    [FIELD_INT64] = { AS_VARINT, RANGE_INT64 },     [FIELD_SINT64] = { AS_ZIGZAG, RANGE_INT64 },
    [FIELD_SFIXED64] = { AS_FIXED64, RANGE_INT64 }, [FIELD_UINT64] = { AS_VARINT, RANGE_UINT64 },
    [FIELD_FIXED64] = { AS_FIXED64, RANGE_UINT64 },
};

static void put_integer(struct json_reader *r, enum how how, uint64_t value)
{
    switch (how) {
    case AS_VARINT:
        wire_put_varint(r->out, value);
        break;
    case AS_ZIGZAG:
        wire_put_varint(r->out, value << 1 ^ (uint64_t)((int64_t)value >> 63));
        break;
    case AS_FIXED32:
        wire_put_fixed(r->out, value, 4);
        break;
    case AS_FIXED64:
        wire_put_fixed(r->out, value, 8);
        break;
    }
}

/* Reads a number, or a string, which the caller must check to be one. */
static int read_numeral(struct json_reader *r, struct json_span *numeral, const char *what, bool *is_string)
{
    char c = json_peek(r);
    *is_string = c == '"';
    if (*is_string)
        return json_read_string(r, numeral);
    if (c == '-' || (c >= '0' && c <= '9'))
        return json_read_number(r, numeral);
    return json_fail_value(r, r->at, what);
}

static int read_integer(struct json_reader *r, const struct field_desc *field, bool *is_default)
{
    const struct integer *kind = &integers[field->type];
    const char *at = r->at;
    struct json_span numeral = { .text = "" };
    bool is_string, negative;
    uint64_t magnitude;
    int rc = read_numeral(r, &numeral, kind->range, &is_string);
    if (rc)
        return rc;
    if ((is_string && !json_is_number(numeral)) || !json_whole_number(numeral, &negative, &magnitude) ||
        magnitude > (negative ? kind->min : kind->max))
        return json_fail_value(r, at, kind->range);
    put_integer(r, kind->how, negative ? 0 - magnitude : magnitude);
    *is_default = magnitude == 0;
    return 0;
}

static int fail_enum(struct json_reader *r, const char *at, const struct enum_desc *desc)
{
    char names[300] = "one of ";
    size_t len = strlen(names);
    for (size_t i = 0; i < desc->values_n && len + strlen(desc->values[i].name) + 8 < sizeof names; i++) {
        if (i)
            len = (size_t)(stpcpy(names + len, ", ") - names);
        len = (size_t)(stpcpy(names + len, desc->values[i].name) - names);
    }
    return json_fail_value(r, at, names);
}

static int read_enum(struct json_reader *r, const struct field_desc *field, bool *is_default)
{
    const struct enum_desc *desc = field->enumeration;
    const char *at = r->at;
    char c = json_peek(r);
    if (c == '-' || (c >= '0' && c <= '9'))
        return read_integer(r, field, is_default);
    if (c != '"')
        return fail_enum(r, at, desc);
    struct json_span name;
    int rc = json_read_string(r, &name);
    if (rc)
        return rc;
    for (size_t i = 0; i < desc->values_n; i++)
        if (strlen(desc->values[i].name) == name.len &&
            memcmp(desc->values[i].name, name.text, name.len) == 0) {
            put_integer(r, AS_VARINT, (uint64_t)(int64_t)desc->values[i].number);
            *is_default = desc->values[i].number == 0;
            return 0;
        }
    return fail_enum(r, at, desc);
}

static int read_bool(struct json_reader *r, const struct field_desc *field, bool *is_default)
{
    (void)field;
    bool value = json_take_word(r, "true");
    if (!value && !json_take_word(r, "false"))
        return json_fail_value(r, r->at, "true or false");
    bytes_put_byte(r->out, value);
    *is_default = !value;
    return 0;
}

/* Copies the text, because strtod() needs a NUL at its end. */
static int real_number(struct json_reader *r, struct json_span numeral, bool is_float, double *value)
{
    char few[64], *copy = numeral.len < sizeof few ? few : malloc(numeral.len + 1);
    if (!copy)
        return json_fail_memory(r);
    memcpy(copy, numeral.text, numeral.len);
    copy[numeral.len] = '\0';
    *value = is_float ? (double)strtof(copy, NULL) : strtod(copy, NULL);
    if (copy != few)
        free(copy);
    return 0;
}

static bool special_number(struct json_span text, double *value)
{
    static const struct {
        const char *name;
        double value;
    } specials[] = { { "NaN", NAN }, { "Infinity", INFINITY }, { "-Infinity", -INFINITY } };
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
        if (strlen(specials[i].name) == text.len && memcmp(specials[i].name, text.text, text.len) == 0) {
            *value = specials[i].value;
            return true;
        }
    return false;
}

static int read_real(struct json_reader *r, const struct field_desc *field, bool *is_default)
{
    static const char what[] = "a number, or one of \"NaN\", \"Infinity\", \"-Infinity\"";
    bool is_float = field->type == FIELD_FLOAT, is_string;
    const char *at = r->at;
    struct json_span numeral = { .text = "" };
    double value = 0;
    int rc = read_numeral(r, &numeral, what, &is_string);
    if (rc)
        return rc;
    if (!is_string || !special_number(numeral, &value)) {
        if (is_string && !json_is_number(numeral))
            return json_fail_value(r, at, what);
        rc = real_number(r, numeral, is_float, &value);
        if (rc)
            return rc;
        if (isinf(value))
            return json_fail_value(r, at,
                                   is_float
                                       ? "a number that a float can hold (up to ±3.4028235e38)"
                                       : "a number that a double can hold (up to ±1.7976931348623157e308)");
    }
    uint64_t bits = 0;
    float single = (float)value;
    if (is_float)
        memcpy(&bits, &single, sizeof single);
    else
        memcpy(&bits, &value, sizeof value);
    wire_put_fixed(r->out, bits, is_float ? 4 : 8);
    *is_default = bits == 0;
    return 0;
}

/* Reads a string, and makes room to write it with its length. If it is_decoded it lies behind out's contents,
 * and out may have moved: text->text is stale then. */
static int read_string(struct json_reader *r, const char *expected, struct json_span *text, bool *is_decoded)
{
    if (json_peek(r) != '"')
        return json_fail_value(r, r->at, expected);
    int rc = json_read_string(r, text);
    if (rc)
        return rc;
    *is_decoded = (const uint8_t *)text->text == r->out->data + r->out->len;
    return bytes_reserve(r->out, text->len + WIRE_VARINT_MAX_LEN) ? json_fail_memory(r) : 0;
}

static int read_text(struct json_reader *r, const struct field_desc *field, bool *is_default)
{
    (void)field;
    struct json_span text = { 0 };
    bool is_decoded = false;
    int rc = read_string(r, "a string", &text, &is_decoded);
    if (rc)
        return rc;
    if (is_decoded) { /* it begins where the byte for its length has to be */
        memmove(r->out->data + r->out->len + 1, r->out->data + r->out->len, text.len);
        size_t start = json_open_length(r);
        r->out->len += text.len;
        rc = json_close_length(r, start);
    } else {
        wire_put_varint(r->out, text.len);
        bytes_put(r->out, text.text, text.len);
    }
    *is_default = text.len == 0;
    return rc;
}

static int read_bytes(struct json_reader *r, const struct field_desc *field, bool *is_default)
{
    (void)field;
    const char *at = r->at;
    struct json_span text = { 0 };
    bool is_decoded = false;
    int rc = read_string(r, "a string of base64", &text, &is_decoded);
    if (rc)
        return rc;
    if (is_decoded) /* a byte for the length has to come before it */
        text.text = memmove(r->out->data + r->out->len + 1, r->out->data + r->out->len, text.len);
    size_t start = json_open_length(r), len;
    if (!json_base64(text, r->out->data + start, &len))
        return json_fail_value(r, at, "a string of base64");
    r->out->len += len;
    *is_default = len == 0;
    return json_close_length(r, start);
}

typedef int read_fn(struct json_reader *r, const struct field_desc *field, bool *is_default);

int json_read_scalar(struct json_reader *r, const struct field_desc *field, bool *is_default)
{
    static read_fn *const readers[FIELD_TYPES_N] = {
        [FIELD_DOUBLE] = read_real,      [FIELD_FLOAT] = read_real,       [FIELD_INT64] = read_integer,
        [FIELD_UINT64] = read_integer,   [FIELD_INT32] = read_integer,    [FIELD_FIXED64] = read_integer,
        [FIELD_FIXED32] = read_integer,  [FIELD_BOOL] = read_bool,        [FIELD_STRING] = read_text,
        [FIELD_BYTES] = read_bytes,      [FIELD_UINT32] = read_integer,   [FIELD_ENUM] = read_enum,
        [FIELD_SFIXED32] = read_integer, [FIELD_SFIXED64] = read_integer, [FIELD_SINT32] = read_integer,
        [FIELD_SINT64] = read_integer,
    };
    return readers[field->type](r, field, is_default);
}
