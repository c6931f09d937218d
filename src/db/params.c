/* SPDX-License-Identifier: MIT */
#include "db/params.h"

#include <stdio.h>
#include <string.h>

void database_params_set(struct database_params *params, const struct config *config)
{
    /* Names resolve to our objects first and never to what another user put into a temporary schema. Generic
     * plans: every statement is an index look-up, whose plan does not depend on the parameters; equal
     * parameters in one merged execution are rare, so nothing is gained by remembering their rows. */
    snprintf(params->options, sizeof params->options,
             "-c search_path=svcd,public,pg_temp -c TimeZone=UTC -c statement_timeout=%d -c "
             "plan_cache_mode=force_generic_plan -c jit=off -c enable_memoize=off "
             "-c max_parallel_workers_per_gather=0",
             config->database.statement_timeout_ms);
    /* What writes or locks is no read: it would be merged, and sent again after a lost connection. */
    snprintf(params->read_options, sizeof params->read_options, "%s -c default_transaction_read_only=on",
             params->options);
    const char *pairs[][2] = {
        { "host", config->database.host },
        { "port", config->database.port },
        { "dbname", config->database.name },
        { "user", config->database.user },
        { "password", config->database.password },
        { "options", params->options },
        { "application_name", "svcd" },
        { "client_encoding", "UTF8" },
        { "keepalives_idle", "30" },
        { "keepalives_interval", "5" },
        { "keepalives_count", "3" },
        { "tcp_user_timeout", "15000" },
    };
    size_t n = 0;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i][1][0]) {
            bool is_options = pairs[i][1] == params->options;
            params->keywords[n] = pairs[i][0];
            params->read_values[n] = is_options ? params->read_options : pairs[i][1];
            params->values[n++] = pairs[i][1];
        }
    params->keywords[n] = params->values[n] = params->read_values[n] = NULL;
}

void database_params_set_for_jobs(struct database_params *params, const struct config *config)
{
    struct config unlimited = *config; /* its strings are the same */
    unlimited.database.statement_timeout_ms = 0;
    database_params_set(params, &unlimited);
    /* What ends a statement there is that nobody waits for it any more: else connections that are given up
     * while a lock keeps their statements from being prepared would pile up at the server. */
    size_t len = strlen(params->options);
    snprintf(params->options + len, sizeof params->options - len, " -c client_connection_check_interval=%d",
             config->database.connect_timeout_ms);
}

struct conn_options database_conn_options(const struct database_params *params, const struct config *config,
                                          unsigned answer_timeout_ms)
{
    return (struct conn_options){ .keywords = params->keywords,
                                  .values = params->values,
                                  .read_values = params->read_values,
                                  .connect_timeout_ms = (unsigned)config->database.connect_timeout_ms,
                                  .answer_timeout_ms = answer_timeout_ms,
                                  .reconnect_min_ms = (unsigned)config->database.reconnect_min_ms,
                                  .reconnect_max_ms = (unsigned)config->database.reconnect_max_ms };
}
