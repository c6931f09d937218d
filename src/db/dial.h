/* SPDX-License-Identifier: MIT
 *
 * Connects within a time limit, which libpq's blocking call keeps neither while it resolves names nor below
 * two seconds. Blocks its thread: for commands only.
 */
#ifndef DB_DIAL_H
#define DB_DIAL_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "db/endpoint.h"
#include "db/params.h"

struct dial {
    PGconn *pg;     /* connected; or NULL. The caller finishes it */
    char why[1024]; /* if NULL: a line for each server that was tried, in libpq's words */
    bool timed_out;
    char user[64]; /* if NULL: the role that the last server was asked for; "": none was reached */
    /* Of the server that it is connected to, as PQconnectdbParams() takes them: for further connections to
     * the same. They point into this struct, which must not be moved, and into the arrays given. */
    const char *keywords[DATABASE_PARAMS_MAX + 1], *values[DATABASE_PARAMS_MAX + 1];
    struct endpoints endpoints;
};

/* Tries the hosts of libpq's parameters (NULL-terminated, with expand_dbname 0), all of their addresses one
 * after another, which share the time. Returns whether it is connected. */
bool dial(struct dial *dial, const char *const *keywords, const char *const *values, unsigned timeout_ms);

#endif
