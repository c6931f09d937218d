/* SPDX-License-Identifier: MIT
 *
 * Fixed-size values are big-endian; dates and timestamps count from 2000-01-01 there and from 1970-01-01
 * here. Layout of arrays: utils/adt/arrayfuncs.c (array_recv) of PostgreSQL.
 */
#include "db/value.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#define EPOCH_DAYS 10957 /* from 1970-01-01 to 2000-01-01 */
#define DAY_US     INT64_C(86400000000)

static const struct {
    const char *name;
    uint32_t oid;
    uint32_t array_oid;
    size_t len;      /* 0: varies */
    bool by_pointer; /* a NULL pointer is SQL NULL, there is no has_NAME */
} types[SQL_TYPES] = {
    [SQL_BIGINT] = { "bigint", 20, 1016, 8, false },
    [SQL_INTEGER] = { "integer", 23, 1007, 4, false },
    [SQL_DOUBLE] = { "double precision", 701, 1022, 8, false },
    [SQL_BOOLEAN] = { "boolean", 16, 1000, 1, false },
    [SQL_TEXT] = { "text", 25, 1009, 0, true },
    [SQL_BYTEA] = { "bytea", 17, 1001, 0, true },
    [SQL_DATE] = { "date", 1082, 1182, 4, false },
    [SQL_TIMESTAMP] = { "timestamp", 1114, 1115, 8, false },
    [SQL_BIGINT_ARRAY] = { "bigint[]", 1016, 0, 0, true },
    [SQL_TEXT_ARRAY] = { "text[]", 1009, 0, 0, true },
    [SQL_ENUM] = { "text", 25, 1009, 0, false },
};

const char *value_type_name(enum sql_type type)
{
    return types[type].name;
}

/* Types that no statement may use, but that SQL expressions often have; for error messages. */
static const struct {
    uint32_t oid;
    const char *name;
} others[] = {
    { 18, "\"char\"" },     { 19, "name" },        { 21, "smallint" },      { 26, "oid" },
    { 114, "json" },        { 700, "real" },       { 705, "unknown" },      { 1042, "character" },
    { 1043, "varchar" },    { 1083, "time" },      { 1184, "timestamptz" }, { 1186, "interval" },
    { 1266, "timetz" },     { 1700, "numeric" },   { 2249, "record" },      { 2278, "void" },
    { 2950, "uuid" },       { 3802, "jsonb" },     { 3908, "tsrange" },     { 1015, "varchar[]" },
    { 1005, "smallint[]" }, { 1231, "numeric[]" }, { 1021, "real[]" },
};

const char *value_oid_name(uint32_t oid, char own[VALUE_OID_NAME_SIZE])
{
    for (size_t i = 0; i < SQL_TYPES; i++)
        if (types[i].oid == oid)
            return types[i].name;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].oid == oid)
            return others[i].name;
    for (size_t i = 0; i < SQL_TYPES; i++)
        if (types[i].array_oid == oid && oid) {
            snprintf(own, VALUE_OID_NAME_SIZE, "%s[]", types[i].name);
            return own;
        }
    snprintf(own, VALUE_OID_NAME_SIZE, "the type of OID %u", oid);
    return own;
}

uint32_t value_oid(enum sql_type type)
{
    return types[type].oid;
}

uint32_t value_array_oid(enum sql_type type)
{
    return types[type].array_oid;
}

/* The server's infinity and -infinity are the ends of the range; saturating keeps them there. */
static int64_t shift(int64_t value, int64_t by)
{
    int64_t shifted;
    if (__builtin_add_overflow(value, by, &shifted))
        return by > 0 ? INT64_MAX : INT64_MIN;
    return shifted;
}

static int32_t shift_days(int32_t days, int32_t by)
{
    int32_t shifted;
    if (__builtin_add_overflow(days, by, &shifted))
        return by > 0 ? INT32_MAX : INT32_MIN;
    return shifted;
}

static void put_own(struct sql_param *param, const void *bytes, size_t len)
{
    memcpy(param->own, bytes, len);
    param->data = param->own;
    param->len = (int)len;
}

void value_put_bigint(struct sql_param *param, int64_t value)
{
    uint64_t wire = htobe64((uint64_t)value);
    put_own(param, &wire, sizeof wire);
}

void value_put_integer(struct sql_param *param, int32_t value)
{
    uint32_t wire = htobe32((uint32_t)value);
    put_own(param, &wire, sizeof wire);
}

void value_put_double(struct sql_param *param, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    value_put_bigint(param, (int64_t)bits);
}

void value_put_boolean(struct sql_param *param, bool value)
{
    uint8_t wire = value;
    put_own(param, &wire, sizeof wire);
}

void value_put_date(struct sql_param *param, struct sql_date value)
{
    value_put_integer(param, shift_days(value.days, -EPOCH_DAYS));
}

void value_put_timestamp(struct sql_param *param, struct sql_time value)
{
    value_put_bigint(param, shift(value.us, -EPOCH_DAYS * DAY_US));
}

void value_put_bytes(struct sql_param *param, const void *data, size_t len)
{
    param->data = data;
    param->len = (int)len;
}

#define ARRAY_HEAD_LEN 20 /* dimensions, has-null flag, element type, count, lower bound */

size_t value_array_len(const size_t *lens, const uint8_t *const *data, size_t n)
{
    size_t total = ARRAY_HEAD_LEN;
    for (size_t i = 0; i < n; i++)
        total += 4 + (data[i] ? lens[i] : 0);
    return total;
}

static uint8_t *put32(uint8_t *out, uint32_t value)
{
    value = htobe32(value);
    memcpy(out, &value, sizeof value);
    return out + sizeof value;
}

void value_array_write(uint8_t *out, enum sql_type element, const size_t *lens, const uint8_t *const *data,
                       size_t n)
{
    uint32_t has_null = 0;
    for (size_t i = 0; i < n; i++)
        has_null |= data[i] == NULL;
    out = put32(out, 1);
    out = put32(out, has_null);
    out = put32(out, types[element].oid);
    out = put32(out, (uint32_t)n);
    out = put32(out, 1);
    for (size_t i = 0; i < n; i++) {
        out = put32(out, data[i] ? (uint32_t)lens[i] : UINT32_MAX);
        if (data[i] && lens[i]) {
            memcpy(out, data[i], lens[i]);
            out += lens[i];
        }
    }
}

static int64_t get64(const uint8_t *data)
{
    uint64_t wire;
    memcpy(&wire, data, sizeof wire);
    return (int64_t)be64toh(wire);
}

static int32_t get32(const uint8_t *data)
{
    uint32_t wire;
    memcpy(&wire, data, sizeof wire);
    return (int32_t)be32toh(wire);
}

/* gcc's enums, without negative constants, are unsigned. */
static int get_enum(const struct sql_column *column, const uint8_t *data, size_t len, void *member)
{
    for (unsigned i = 0; i < column->values_n; i++)
        if (strlen(column->values[i]) == len && memcmp(column->values[i], data, len) == 0) {
            memcpy(member, &i, sizeof i);
            return 0;
        }
    return UV_EPROTO;
}

int value_get(const struct sql_column *column, const uint8_t *data, size_t len, void *row)
{
    void *member = (char *)row + column->offset;
    if (!data) /* the row was zeroed: has_NAME is false, a pointer NULL */
        return column->nullable ? 0 : UV_EPROTO;
    if (types[column->type].len && types[column->type].len != len)
        return UV_EPROTO;
    if (column->nullable && !types[column->type].by_pointer)
        *(bool *)((char *)row + column->has_offset) = true;
    switch (column->type) {
    case SQL_BIGINT:
        *(int64_t *)member = get64(data);
        return 0;
    case SQL_INTEGER:
        *(int32_t *)member = get32(data);
        return 0;
    case SQL_DOUBLE: {
        int64_t bits = get64(data);
        memcpy(member, &bits, sizeof bits);
        return 0;
    }
    case SQL_BOOLEAN:
        *(bool *)member = *data != 0;
        return 0;
    case SQL_TEXT:
        *(const char **)member = (const char *)data;
        return 0;
    case SQL_BYTEA:
        *(struct sql_bytes *)member = (struct sql_bytes){ .data = data, .len = len };
        return 0;
    case SQL_DATE:
        ((struct sql_date *)member)->days = shift_days(get32(data), EPOCH_DAYS);
        return 0;
    case SQL_TIMESTAMP:
        ((struct sql_time *)member)->us = shift(get64(data), EPOCH_DAYS * DAY_US);
        return 0;
    case SQL_ENUM:
        return get_enum(column, data, len, member);
    case SQL_BIGINT_ARRAY:
    case SQL_TEXT_ARRAY:
    case SQL_TYPES:
        break;
    }
    return UV_EPROTO;
}
