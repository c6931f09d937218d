/* SPDX-License-Identifier: MIT
 *
 * A result of libpq, shared by the queries that were merged into one execution and by the calls that keep
 * rows of it; and its rows as structs. Loop thread only.
 */
#ifndef DB_RESULT_H
#define DB_RESULT_H

#include "db/query.h"

struct pg_result;

/* With one hold, the creator's; owns `pg` from now on. NULL without memory, and `pg` is still the caller's.
 */
struct result *result_create(struct pg_result *pg);
const struct pg_result *result_pg(const struct result *result);

/* Keeps a result (and the text its rows point to) beyond on_done; each hold wants a release. NULL is let
 * pass. */
void result_hold(struct result *result);
void result_release(struct result *result);

/* What the first of those who share a result has made of it, for the others: malloc'd, from then on the
 * result's. NULL: nothing. */
void result_set_memo(struct result *result, void *memo);
const void *result_memo(const struct result *result);

/* Fills outcome->rows_n structs at `rows`, zeroed memory of that many times row_size. Text points into the
 * result. Returns 0, or UV_EPROTO when the server's rows are not the declared ones, and `why` says how. */
#define RESULT_WHY_SIZE 256
int result_decode(const struct query_outcome *outcome, const struct statement *statement, void *rows,
                  char why[RESULT_WHY_SIZE]);

#endif
