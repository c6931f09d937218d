/* SPDX-License-Identifier: MIT
 *
 * Serializes rows to bytes and back, in the format of PostgreSQL's record_send(): for each row its number of
 * columns, then each column's type, length and value.
 */
#ifndef DB_RECORD_H
#define DB_RECORD_H

#include "base/arena.h"
#include "db/query.h"

/* The length of an outcome's rows as bytes; writes these bytes to `out`. */
size_t records_len(const struct query_outcome *outcome);
void records_write(const struct query_outcome *outcome, uint8_t *out);

/* The number of records in the bytes; -1: they are not in this format. */
long records_count(struct sql_bytes records);

/* Reads the first record into `row`, zeroed memory of the statement's row_size, and moves `records` past it;
 * text goes to the arena. Returns 0, UV_ENOMEM, or UV_EPROTO if it is not a row of the statement. */
int record_read(struct sql_bytes *records, const struct statement *statement, struct arena *arena, void *row);

#endif
