/* SPDX-License-Identifier: MIT
 *
 * A step of libpq's connecting, by a thread that may wait. Any thread.
 */
#ifndef DB_CONNECTING_H
#define DB_CONNECTING_H

#include <libpq-fe.h>
#include <stdbool.h>

/* Whether the connection is made, or has failed. `wants` begins as PGRES_POLLING_WRITING. */
bool connecting_is_over(const PGconn *pg, PostgresPollingStatusType wants);

/* Waits for the server, for at most wait_ms, and goes on once it is ready. Returns whether it went on. */
bool connecting_go_on(PGconn *pg, PostgresPollingStatusType *wants, int wait_ms);

#endif
