/* SPDX-License-Identifier: MIT */
#include "db/result.h"

#include <libpq-fe.h>
#include <stdio.h>
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

/* ---- rows ---- */

static void list_values(const struct sql_column *column, char *out, size_t size)
{
    *out = '\0';
    for (size_t i = 0, len = 0; i < column->values_n && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%s", i ? ", " : "", column->values[i]);
}

static void value_is_wrong(const struct sql_column *column, const char *data, char why[RESULT_WHY_SIZE])
{
    char values[RESULT_WHY_SIZE / 2];
    if (!data)
        snprintf(why, RESULT_WHY_SIZE, "column %s: NULL, but not declared `null`", column->name);
    else if (column->type == SQL_ENUM) {
        list_values(column, values, sizeof values);
        snprintf(why, RESULT_WHY_SIZE, "column %s: \"%.60s\" is none of %s", column->name, data, values);
    } else
        snprintf(why, RESULT_WHY_SIZE, "column %s: no %s", column->name, value_type_name(column->type));
}

static int check_columns(const PGresult *pg, int first, const struct statement *statement,
                         char why[RESULT_WHY_SIZE])
{
    if (PQnfields(pg) != first + (int)statement->columns_n) {
        snprintf(why, RESULT_WHY_SIZE, "%d columns, declared are %zu", PQnfields(pg) - first,
                 statement->columns_n);
        return UV_EPROTO;
    }
    for (size_t c = 0; c < statement->columns_n; c++) {
        const struct sql_column *column = &statement->columns[c];
        Oid type = PQftype(pg, first + (int)c);
        if (type != value_oid(column->type)) {
            char name[VALUE_OID_NAME_SIZE];
            snprintf(why, RESULT_WHY_SIZE, "column %s: declared %s, but the server's is %s", column->name,
                     value_type_name(column->type), value_oid_name(type, name));
            return UV_EPROTO;
        }
    }
    return 0;
}

int result_decode(const struct query_outcome *outcome, const struct statement *statement, void *rows,
                  char why[RESULT_WHY_SIZE])
{
    const PGresult *pg = outcome->result->pg;
    int rc = check_columns(pg, outcome->first_column, statement, why);
    for (int r = 0; r < outcome->rows_n && !rc; r++) {
        void *row = (char *)rows + (size_t)r * statement->row_size;
        for (size_t c = 0; c < statement->columns_n && !rc; c++) {
            const struct sql_column *column = &statement->columns[c];
            int at = outcome->first_row + r, field = outcome->first_column + (int)c;
            const char *data = PQgetisnull(pg, at, field) ? NULL : PQgetvalue(pg, at, field);
            rc = value_get(column, (const uint8_t *)data, (size_t)PQgetlength(pg, at, field), row);
            if (rc)
                value_is_wrong(column, data, why);
        }
    }
    return rc;
}
