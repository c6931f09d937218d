/* SPDX-License-Identifier: MIT
 *
 * The column `before` of kept_answer: a nonce, then an entry for each statement that a call has run before a
 * write, and for the write itself: its name and, of a read, the rows that it returned (db/record.h). Written
 * while a call runs for the first time (once.c), and read again to replay it. Loop thread only.
 */
#ifndef CALL_ONCE_RECORD_H
#define CALL_ONCE_RECORD_H

#include "call/call.h"
#include "db/query.h"
#include "db/value.h"

/* As it is written. In the call's arena; { 0 } begins another. */
struct once_record {
    uint8_t *data;
    size_t len, size;
};

/* Each appends an entry: of a read that has come back, of a write that is about to be sent (its rows are
 * stored in the column `rows`), and of a statement that only stores an answer. 0, or UV_ENOMEM. */
int once_record_read(struct call *call, struct once_record *record, const struct query_outcome *outcome);
int once_record_write(struct call *call, struct once_record *record, const struct statement *statement);
int once_record_answer(struct call *call, struct once_record *record, const struct statement *statement);

/* The entries of a stored column, which they point into; none if it is too short. */
struct sql_bytes once_record_entries(struct sql_bytes before);
/* Takes off the next entry, if it is of this statement. Its records point into the column; of a write they
 * are `rows`. False: it is another statement's, or malformed. */
bool once_record_take(struct sql_bytes *entries, const struct statement *statement, struct sql_bytes rows,
                      struct sql_bytes *records);

#endif
