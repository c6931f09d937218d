/* SPDX-License-Identifier: MIT
 *
 * The daemon as a whole: its parts wired in order, run until a signal, drained.
 */
#ifndef DAEMON_H
#define DAEMON_H

#include "config/config.h"

/* The connection parameters of PQconnectdbParams for this configuration, NULL-terminated. `options` is filled
 * with the session's settings and must live as long as the values are used, as must config. */
#define DATABASE_PARAMS_MAX 16
struct database_params {
    const char *keywords[DATABASE_PARAMS_MAX];
    const char *values[DATABASE_PARAMS_MAX];
    char options[512];
};
void database_params_set(struct database_params *params, const struct config *config);

/* The same for jobs and commands, whose statements may take as long as they need. */
void database_params_set_for_jobs(struct database_params *params, const struct config *config);

struct conn_options;
/* How connections with these parameters are kept; both must outlive them. */
struct conn_options database_conn_options(const struct database_params *params, const struct config *config,
                                          unsigned answer_timeout_ms);

/* Serves until SIGTERM or SIGINT, then drains. Returns the exit status: 0 after a drain, 1 if it could not
 * start. */
int daemon_run(const struct config *config);

#endif
