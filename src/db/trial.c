/* SPDX-License-Identifier: MIT */
#include "db/trial.h"

#include <libpq-fe.h>
#include <uv.h>

#include "db/conn.h"
#include "db/connecting.h"
#include "db/params.h"

#define LOOK_EVERY_MS 100 /* how often it checks whether it was abandoned */

struct trial {
    PGconn *pg;
    PostgresPollingStatusType wants;
    bool was_reached; /* something answered at that address */
};

static PGconn *begin(const struct config *config)
{
    static const char *const pairs[][2] = { { "gssencmode", "disable" } }; /* as in conn_connect.c */
    const char *keywords[DATABASE_PARAMS_MAX + 1], *values[DATABASE_PARAMS_MAX + 1];
    struct database_params params;
    database_params_set(&params, config);
    params_replace(params.keywords, params.values, pairs, 1, keywords, values);
    return PQconnectStartParams(keywords, values, 0);
}

static bool is_over(const struct trial *trial)
{
    return trial->wants == PGRES_POLLING_OK || trial->wants == PGRES_POLLING_FAILED;
}

static void wait_and_go_on(struct trial *trial)
{
    if (connecting_go_on(trial->pg, &trial->wants, LOOK_EVERY_MS))
        trial->was_reached |= PQstatus(trial->pg) > CONNECTION_STARTED;
}

static int judge(const struct trial *trial, FILE *errors)
{
    char why[CONN_WHY_LEN];
    const char *advice;
    if (trial->wants == PGRES_POLLING_OK)
        return 0;
    bool has_sqlstate =
        conn_words(why, &advice, is_over(trial) ? PQerrorMessage(trial->pg) : "the server does not answer");
    if (advice || (is_over(trial) && trial->was_reached && !has_sqlstate)) {
        fprintf(errors, "[database]: svcd cannot log in so: %s%s%s\n", why, advice ? "; " : "",
                advice ? advice : "");
        return UV_EACCES;
    }
    fprintf(errors, "[database]: warning: the login could not be tried: %s\n", why);
    return 0;
}

int database_try(const struct config *config, const atomic_bool *is_abandoned, FILE *errors)
{
    uint64_t end_ns = uv_hrtime() + (uint64_t)config->database.connect_timeout_ms * 1000000;
    struct trial trial = { .pg = begin(config), .wants = PGRES_POLLING_WRITING };
    if (!trial.pg)
        return UV_ENOMEM;
    PQsetErrorVerbosity(trial.pg, PQERRORS_VERBOSE); /* adds the SQLSTATE to error texts */
    if (PQstatus(trial.pg) == CONNECTION_BAD)
        trial.wants = PGRES_POLLING_FAILED;
    while (!is_over(&trial) && uv_hrtime() < end_ns && !atomic_load(is_abandoned))
        wait_and_go_on(&trial);
    int rc = atomic_load(is_abandoned) ? UV_ECANCELED : judge(&trial, errors);
    PQfinish(trial.pg);
    return rc;
}
