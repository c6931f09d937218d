/* SPDX-License-Identifier: MIT
 *
 * Joins a call to the connection pool, for the typed functions in generated/sql.c: begin a statement, bind
 * its parameters in order, execute it. Whatever goes wrong with a statement is answered here, so handlers
 * never see database errors. Loop thread only.
 */
#ifndef CALL_SQL_H
#define CALL_SQL_H

#include "call/call.h"

void sql_begin(struct call *call, const struct statement *statement);

void sql_bind_null(struct call *call);
void sql_bind_bigint(struct call *call, int64_t value);
void sql_bind_integer(struct call *call, int32_t value);
void sql_bind_double(struct call *call, double value);
void sql_bind_boolean(struct call *call, bool value);
void sql_bind_date(struct call *call, struct sql_date value);
void sql_bind_timestamp(struct call *call, struct sql_time value);
/* What these point to must live as long as the call: the request, its memory, or constants. */
void sql_bind_text(struct call *call, const char *value); /* NULL counts as empty */
void sql_bind_text_or_null(struct call *call, const char *value);
void sql_bind_bytea(struct call *call, struct sql_bytes value);
void sql_bind_bigint_array(struct call *call, struct sql_ids value);
void sql_bind_text_array(struct call *call, struct sql_texts value);

/* For handlers: the call can do without the next statement. If it fails, or has not been sent after half a
 * second, `otherwise` continues the call instead of an error being answered. */
void sql_may_fail(struct call *call, enum next (*otherwise)(struct call *call));

CALL_MUST_USE enum next sql_execute(struct call *call, sql_then *then_typed, sql_continuation *then);
/* For keepers, to which sql_execute delegates: submits the statement to the pool. */
CALL_MUST_USE enum next sql_send(struct call *call, sql_then *then_typed, sql_continuation *then);

#endif
