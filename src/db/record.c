/* SPDX-License-Identifier: MIT */
#include "db/record.h"

#include <endian.h>
#include <libpq-fe.h>
#include <string.h>
#include <uv.h>

#include "db/result.h"

struct field {
    uint32_t type;
    const uint8_t *data; /* NULL: SQL NULL */
    size_t len;
};

/* ---- writing ---- */

static struct field field_of(const struct query_outcome *outcome, int row, int column)
{
    const PGresult *pg = result_pg(outcome->result);
    int at = outcome->first_row + row, number = outcome->first_column + column;
    if (PQgetisnull(pg, at, number))
        return (struct field){ .type = PQftype(pg, number) };
    return (struct field){ .type = PQftype(pg, number),
                           .data = (const uint8_t *)PQgetvalue(pg, at, number),
                           .len = (size_t)PQgetlength(pg, at, number) };
}

static int columns_of(const struct query_outcome *outcome)
{
    return PQnfields(result_pg(outcome->result)) - outcome->first_column;
}

size_t records_len(const struct query_outcome *outcome)
{
    size_t len = 0;
    for (int row = 0; row < outcome->rows_n; row++) {
        len += sizeof(uint32_t);
        for (int column = 0; column < columns_of(outcome); column++)
            len += 2 * sizeof(uint32_t) + field_of(outcome, row, column).len;
    }
    return len;
}

static uint8_t *put(uint8_t *out, uint32_t value)
{
    uint32_t wire = htobe32(value);
    return mempcpy(out, &wire, sizeof wire);
}

void records_write(const struct query_outcome *outcome, uint8_t *out)
{
    for (int row = 0; row < outcome->rows_n; row++) {
        out = put(out, (uint32_t)columns_of(outcome));
        for (int column = 0; column < columns_of(outcome); column++) {
            struct field field = field_of(outcome, row, column);
            out = put(out, field.type);
            out = put(out, field.data ? (uint32_t)field.len : UINT32_MAX);
            if (field.data)
                out = mempcpy(out, field.data, field.len);
        }
    }
}

/* ---- reading ---- */

static bool take(struct sql_bytes *from, uint32_t *value)
{
    if (from->len < sizeof *value)
        return false;
    memcpy(value, from->data, sizeof *value);
    *value = be32toh(*value);
    from->data += sizeof *value;
    from->len -= sizeof *value;
    return true;
}

static bool take_field(struct sql_bytes *from, struct field *field)
{
    uint32_t len;
    *field = (struct field){ 0 };
    if (!take(from, &field->type) || !take(from, &len))
        return false;
    if (len == UINT32_MAX)
        return true;
    if (len > from->len)
        return false;
    field->data = from->data;
    field->len = len;
    from->data += len;
    from->len -= len;
    return true;
}

long records_count(struct sql_bytes records)
{
    long n = 0;
    for (; records.len > 0; n++) {
        uint32_t columns;
        struct field field;
        if (!take(&records, &columns))
            return -1;
        for (uint32_t i = 0; i < columns; i++)
            if (!take_field(&records, &field))
                return -1;
    }
    return n;
}

/* value_get() expects a NUL after text. */
static int read_field(const struct sql_column *column, const struct field *field, struct arena *arena,
                      void *row)
{
    if (field->type != value_oid(column->type))
        return UV_EPROTO;
    if (!field->data)
        return value_get(column, NULL, 0, row);
    uint8_t *copy = arena_alloc(arena, field->len + 1);
    if (!copy)
        return UV_ENOMEM;
    memcpy(copy, field->data, field->len);
    return value_get(column, copy, field->len, row);
}

int record_read(struct sql_bytes *records, const struct statement *statement, struct arena *arena, void *row)
{
    uint32_t columns;
    if (!take(records, &columns) || columns != statement->columns_n)
        return UV_EPROTO;
    for (size_t i = 0; i < statement->columns_n; i++) {
        struct field field;
        int rc =
            take_field(records, &field) ? read_field(&statement->columns[i], &field, arena, row) : UV_EPROTO;
        if (rc)
            return rc;
    }
    return 0;
}
