/* SPDX-License-Identifier: MIT */
#include "services/refuse.h"

enum next refuse(struct call *call, const struct refusal_row *row)
{
    return row->refused ? call_reply_empty(call) : check_failed(call, call->wrong);
}
