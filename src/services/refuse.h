/* SPDX-License-Identifier: MIT
 *
 * The last word on a request in which something is wrong but to which the RPC may have to say false: the
 * handler keeps what is wrong, and asks the database by a statement of the row `refusal`:
 *
 *     check_keep(call, wrong);
 *     return sql_NAME_is_refused(call, ..., refuse);
 */
#ifndef SERVICES_REFUSE_H
#define SERVICES_REFUSE_H

#include "call/check.h"
#include "statements.h"

/* A continuation: refused, the RPC's own false (its empty reply); else INVALID_ARGUMENT with what was kept.
 */
CALL_MUST_USE enum next refuse(struct call *call, const struct refusal_row *row);

#endif
