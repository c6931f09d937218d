/* SPDX-License-Identifier: MIT
 *
 * PostgreSQL's binary wire format of values, both ways: parameters into bytes, bytes into row structs. Knows
 * no connection.
 */
#ifndef DB_VALUE_H
#define DB_VALUE_H

#include "db/statement.h"

/* One parameter, encoded. `data` points into `own` for fixed-size types and outside for text, bytea and
 * arrays. */
struct sql_param {
    const uint8_t *data; /* NULL: SQL NULL */
    int len;             /* bytes */
    uint8_t own[8];
};

/* The type's name as in sql/queries; an enum is text. */
const char *value_type_name(enum sql_type type);
#define VALUE_OID_NAME_SIZE 32
/* The SQL name of the server's type with this OID; written into `own` if it is none of the usual ones. */
const char *value_oid_name(uint32_t oid, char own[VALUE_OID_NAME_SIZE]);
/* The OID (pg_type.dat) of the type itself, and of an array of it. */
uint32_t value_oid(enum sql_type type);
uint32_t value_array_oid(enum sql_type type);

void value_put_bigint(struct sql_param *param, int64_t value);
void value_put_integer(struct sql_param *param, int32_t value);
void value_put_double(struct sql_param *param, double value);
void value_put_boolean(struct sql_param *param, bool value);
void value_put_date(struct sql_param *param, struct sql_date value);
void value_put_timestamp(struct sql_param *param, struct sql_time value);
void value_put_bytes(struct sql_param *param, const void *data, size_t len);

/* The length in bytes of an array of n elements of these lengths; element i is at data[i], NULL for an SQL
 * NULL. */
size_t value_array_len(const size_t *lens, const uint8_t *const *data, size_t n);
/* Writes the array to `out`, which must have that length. */
void value_array_write(uint8_t *out, enum sql_type element, const size_t *lens, const uint8_t *const *data,
                       size_t n);

/* Reads column's value of `len` bytes into its member of `row`. Text and bytea point into `data` (which libpq
 * ends with NUL). Returns 0, or UV_EPROTO when the length is not the type's, or the text none of an enum's
 * values. data NULL is an SQL NULL: UV_EPROTO unless nullable. */
int value_get(const struct sql_column *column, const uint8_t *data, size_t len, void *row);

#endif
