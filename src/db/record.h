/* SPDX-License-Identifier: MIT
 *
 * Rows as bytes that outlive their connection, in the form of PostgreSQL's record_send(): for each the number
 * of its columns, then each column's type, length and value. Knows no statement that keeps them.
 */
#ifndef DB_RECORD_H
#define DB_RECORD_H

#include "base/arena.h"
#include "db/query.h"

/* Of an outcome's rows: how many bytes they take, and these bytes. */
size_t records_len(const struct query_outcome *outcome);
void records_write(const struct query_outcome *outcome, uint8_t *out);

/* How many records there are; -1: they are none. */
long records_count(struct sql_bytes records);

/* Takes the first record off `records` and reads it into `row`, zeroed memory of the statement's row_size;
 * text is in the arena. Returns 0, UV_ENOMEM, or UV_EPROTO when it is not one of the statement's rows. */
int record_read(struct sql_bytes *records, const struct statement *statement, struct arena *arena, void *row);

#endif
