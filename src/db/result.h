/* SPDX-License-Identifier: MIT
 *
 * A result of libpq with a reference count: the queries that were merged into one execution share it, and so
 * do calls that keep rows of it. Decodes its rows into structs. Loop thread only.
 */
#ifndef DB_RESULT_H
#define DB_RESULT_H

#include "db/query.h"

struct pg_result;

/* Takes over `pg`; the creator has the first hold. NULL: out of memory, and `pg` is still the caller's. */
struct result *result_create(struct pg_result *pg);
const struct pg_result *result_pg(const struct result *result);

/* Keeps a result, and the text that its rows point to, beyond on_done. Each hold needs a release, the last of
 * which frees it. Both accept NULL. */
void result_hold(struct result *result);
void result_release(struct result *result);

/* Stores something computed from the result, so that queries sharing it need not compute it again. `memo`
 * comes from malloc() and is freed with the result. result_memo() returns it, or NULL. */
void result_set_memo(struct result *result, void *memo);
const void *result_memo(const struct result *result);

/* Fills outcome->rows_n structs at `rows`, zeroed memory of that many times row_size. Text points into the
 * result. Returns 0, or UV_EPROTO when the server's rows are not the declared ones, and `why` says how. */
#define RESULT_WHY_SIZE 256
int result_decode(const struct query_outcome *outcome, const struct statement *statement, void *rows,
                  char why[RESULT_WHY_SIZE]);

#endif
