/* SPDX-License-Identifier: MIT */
#include "db/result.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <uv.h>

struct result {
    PGresult *pg;
    unsigned holds;
    void *memo;
};

struct result *result_create(PGresult *pg)
{
    struct result *result = malloc(sizeof *result);
    if (result)
        *result = (struct result){ .pg = pg, .holds = 1 };
    return result;
}

const PGresult *result_pg(const struct result *result)
{
    return result->pg;
}

void result_hold(struct result *result)
{
    if (result)
        result->holds++;
}

void result_release(struct result *result)
{
    if (!result || --result->holds > 0)
        return;
    PQclear(result->pg);
    free(result->memo);
    free(result);
}

void result_set_memo(struct result *result, void *memo)
{
    free(result->memo);
    result->memo = memo;
}

const void *result_memo(const struct result *result)
{
    return result->memo;
}

int result_decode(const struct query_outcome *outcome, const struct statement *statement, void *rows)
{
    const PGresult *pg = outcome->result->pg;
    if (PQnfields(pg) != outcome->first_column + (int)statement->columns_n)
        return UV_EPROTO;
    for (int r = 0; r < outcome->rows_n; r++) {
        void *row = (char *)rows + (size_t)r * statement->row_size;
        for (size_t c = 0; c < statement->columns_n; c++) {
            int at = outcome->first_row + r, column = outcome->first_column + (int)c;
            const char *data = PQgetisnull(pg, at, column) ? NULL : PQgetvalue(pg, at, column);
            int rc = value_get(&statement->columns[c], (const uint8_t *)data,
                               (size_t)PQgetlength(pg, at, column), row);
            if (rc)
                return rc;
        }
    }
    return 0;
}
