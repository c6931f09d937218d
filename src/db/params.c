/* SPDX-License-Identifier: MIT */
#include "db/params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_GRACE_MS 5000

_Static_assert(CONFIG_HOSTS_MAX <= ENDPOINTS_MAX, "a configured host must not be left out");
_Static_assert(CONFIG_HOST_MAX_LEN < sizeof((struct endpoint){ 0 }.host), "nor cut");

static void set(struct database_params *params, const struct config *config, const char *host,
                const char *port, const char *target)
{
    params->statement_timeout_ms = (unsigned)config->database.statement_timeout_ms;
    snprintf(params->connect_timeout_s, sizeof params->connect_timeout_s, "%d",
             (config->database.connect_timeout_ms + 999) / 1000);
    session_name(params->name, "command");
    const char *pairs[][2] = {
        { "host", host },
        { "port", port },
        { "target_session_attrs", target },
        { "dbname", config->database.name },
        { "user", config->database.user },
        { "password", config->database.password },
        { "sslmode", config->database.tls },
        { "sslrootcert", config->database.tls_ca },
        { "client_encoding", "UTF8" },
        { "connect_timeout", params->connect_timeout_s },
        { "fallback_application_name", params->name },
        { "keepalives_idle", "30" },
        { "keepalives_interval", "5" },
        { "keepalives_count", "3" },
        { "tcp_user_timeout", "15000" },
    };
    size_t n = 0;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i][1][0]) {
            params->keywords[n] = pairs[i][0];
            params->values[n++] = pairs[i][1];
        }
    params->keywords[n] = params->values[n] = NULL;
}

void database_params_set(struct database_params *params, const struct config *config)
{
    set(params, config, config->database.host, config->database.port,
        config->database.target == TARGET_PRIMARY ? "primary" : "any");
}

void database_params_set_for_server(struct database_params *params, const struct config *config,
                                    const struct endpoint *endpoint)
{
    set(params, config, endpoint->host, endpoint->port, "any");
}

void database_params_set_for_jobs(struct database_params *params, const struct config *config)
{
    database_params_set(params, config);
    params->statement_timeout_ms = 0;
}

const char *params_find(const char *const *keywords, const char *const *values, const char *keyword,
                        const char *variable)
{
    for (size_t i = 0; keywords[i]; i++)
        if (strcmp(keywords[i], keyword) == 0 && *values[i])
            return values[i];
    return getenv(variable) ?: "";
}

void params_replace(const char *const *keywords, const char *const *values, const char *const pairs[][2],
                    size_t pairs_n, const char **out_keywords, const char **out_values)
{
    size_t n = 0;
    for (size_t i = 0; i < pairs_n; i++)
        if (pairs[i][1] && *pairs[i][1]) {
            out_keywords[n] = pairs[i][0];
            out_values[n++] = pairs[i][1];
        }
    for (size_t i = 0; keywords[i] && n < DATABASE_PARAMS_MAX; i++) {
        bool is_replaced = false;
        for (size_t p = 0; p < pairs_n && !is_replaced; p++)
            is_replaced = strcmp(pairs[p][0], keywords[i]) == 0;
        if (is_replaced)
            continue;
        out_keywords[n] = keywords[i];
        out_values[n++] = values[i];
    }
    out_keywords[n] = out_values[n] = NULL;
}

bool database_logins_differ(const struct config *a, const struct config *b)
{
    return strcmp(a->database.user, b->database.user) != 0 ||
           strcmp(a->database.password, b->database.password) != 0 ||
           strcmp(a->database.tls, b->database.tls) != 0 ||
           strcmp(a->database.tls_ca, b->database.tls_ca) != 0;
}

unsigned database_answer_timeout_ms(const struct config *config)
{
    unsigned statement_timeout_ms = (unsigned)config->database.statement_timeout_ms;
    return statement_timeout_ms ? statement_timeout_ms + ANSWER_GRACE_MS : 0;
}

struct conn_options database_conn_options(const struct database_params *params, const struct config *config,
                                          unsigned answer_timeout_ms)
{
    return (struct conn_options){ .keywords = params->keywords,
                                  .values = params->values,
                                  .statement_timeout_ms = params->statement_timeout_ms,
                                  .lock_wait_ms = (unsigned)config->database.lock_wait_ms,
                                  .connect_timeout_ms = (unsigned)config->database.connect_timeout_ms,
                                  .answer_timeout_ms = answer_timeout_ms,
                                  .reconnect_min_ms = (unsigned)config->database.reconnect_min_ms,
                                  .reconnect_max_ms = (unsigned)config->database.reconnect_max_ms };
}
