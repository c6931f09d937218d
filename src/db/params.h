/* SPDX-License-Identifier: MIT
 *
 * How svcd connects to the database that a configuration names: libpq's parameters. Holds pointers into the
 * configuration, and opens nothing.
 */
#ifndef DB_PARAMS_H
#define DB_PARAMS_H

#include "config/config.h"
#include "db/conn.h"
#include "db/endpoint.h"
#include "db/session.h"

/* The connection parameters of PQconnectdbParams for this configuration, NULL-terminated; config must live as
 * long as they are used, and the struct stay where it is. */
#define DATABASE_PARAMS_MAX 20
struct database_params {
    const char *keywords[DATABASE_PARAMS_MAX];
    const char *values[DATABASE_PARAMS_MAX];
    char connect_timeout_s[12];  /* for whoever has libpq wait; the loop's connections have timers, */
    char name[SESSION_NAME_LEN]; /* and names of their own */
    unsigned statement_timeout_ms;
};
void database_params_set(struct database_params *params, const struct config *config);

/* The same for jobs and commands, whose statements may take as long as they need. */
void database_params_set_for_jobs(struct database_params *params, const struct config *config);

/* The same for one server of several, whatever it is; the endpoint must live as long. */
void database_params_set_for_server(struct database_params *params, const struct config *config,
                                    const struct endpoint *endpoint);

/* Whether one configuration logs in otherwise than the other: its role, password or TLS. */
bool database_logins_differ(const struct config *a, const struct config *b);

/* Milliseconds after which a server is taken for lost that has said nothing of a call's statement, not even
 * that it ended it after database.statement_timeout_ms; 0: never. */
unsigned database_answer_timeout_ms(const struct config *config);

/* How connections with these parameters are kept; both must outlive them. */
struct conn_options database_conn_options(const struct database_params *params, const struct config *config,
                                          unsigned answer_timeout_ms);

#endif
