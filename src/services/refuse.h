/* SPDX-License-Identifier: MIT
 *
 * For RPCs that answer *false* if a row does not exist, even if a field is wrong as well (see check_keep()):
 * the handler keeps what is wrong, and asks the database by a statement that returns a row `refusal`:
 *
 *     check_keep(call, wrong);
 *     return sql_NAME_is_refused(call, ..., refuse);
 */
#ifndef SERVICES_REFUSE_H
#define SERVICES_REFUSE_H

#include "call/check.h"
#include "statements.h"

/* The continuation: if row->refused answers the RPC's own false (its empty reply), else INVALID_ARGUMENT with
 * what was kept. */
CALL_MUST_USE enum next refuse(struct call *call, const struct refusal_row *row);

#endif
