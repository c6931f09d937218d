/* SPDX-License-Identifier: MIT
 *
 * Makes libpq's connection parameters, which point into the configuration they are made from. Opens no
 * connection.
 */
#ifndef DB_PARAMS_H
#define DB_PARAMS_H

#include "config/config.h"
#include "db/conn.h"
#include "db/endpoint.h"
#include "db/session.h"

/* Parameters of PQconnectdbParams, NULL-terminated. config must live as long as they are used, and the struct
 * must not be moved. */
#define DATABASE_PARAMS_MAX 24
struct database_params {
    const char *keywords[DATABASE_PARAMS_MAX];
    const char *values[DATABASE_PARAMS_MAX];
    /* For commands, which connect with blocking libpq calls; connections on the loop set their own timer and
     * name instead. */
    char connect_timeout_s[12];
    char name[SESSION_NAME_LEN];
    unsigned statement_timeout_ms;
};
void database_params_set(struct database_params *params, const struct config *config);

/* The same for jobs and commands, whose statements may take as long as they need. */
void database_params_set_for_jobs(struct database_params *params, const struct config *config);

/* The same for one of several servers, primary or standby; the endpoint must live as long. */
void database_params_set_for_server(struct database_params *params, const struct config *config,
                                    const struct endpoint *endpoint);

/* Writes libpq's parameters with pairs of keyword and value in the place of those of the same keyword; a NULL
 * or empty value leaves libpq's default. At most DATABASE_PARAMS_MAX and the NULL at the end. */
void params_replace(const char *const *keywords, const char *const *values, const char *const pairs[][2],
                    size_t pairs_n, const char **out_keywords, const char **out_values);

/* The value of a keyword, or else of libpq's environment variable for it; "": neither is set. */
const char *params_find(const char *const *keywords, const char *const *values, const char *keyword,
                        const char *variable);

/* Whether two configurations differ in how they log in: role, password or TLS. */
bool database_logins_differ(const struct config *a, const struct config *b);

/* Milliseconds after which a silent server counts as dead. Longer than statement_timeout_ms, at which a live
 * server would have ended the statement. 0: never. */
unsigned database_answer_timeout_ms(const struct config *config);

/* Options of connections with these parameters; params and config must outlive the connections. */
struct conn_options database_conn_options(const struct database_params *params, const struct config *config,
                                          unsigned answer_timeout_ms);

#endif
