/* SPDX-License-Identifier: MIT */
#include "db/connecting.h"

#include <poll.h>

bool connecting_is_over(const PGconn *pg, PostgresPollingStatusType wants)
{
    return PQstatus(pg) == CONNECTION_BAD || wants == PGRES_POLLING_OK || wants == PGRES_POLLING_FAILED;
}

bool connecting_go_on(PGconn *pg, PostgresPollingStatusType *wants, int wait_ms)
{
    struct pollfd socket = { .fd = PQsocket(pg),
                             .events = *wants == PGRES_POLLING_WRITING ? POLLOUT : POLLIN };
    if (poll(&socket, 1, wait_ms) <= 0)
        return false;
    *wants = PQconnectPoll(pg);
    return true;
}
