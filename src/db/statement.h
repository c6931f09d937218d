/* SPDX-License-Identifier: MIT
 *
 * Describes a statement of sql/queries: its text, the types of its parameters and columns, how many rows it
 * returns, and the lane of the pool that runs it. tools/sqlgen generates a `struct statement` for each.
 */
#ifndef DB_STATEMENT_H
#define DB_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sql_type {
    SQL_BIGINT,
    SQL_INTEGER,
    SQL_DOUBLE,
    SQL_BOOLEAN,
    SQL_TEXT,
    SQL_BYTEA,
    SQL_DATE,
    SQL_TIMESTAMP,
    SQL_BIGINT_ARRAY,
    SQL_TEXT_ARRAY,
    SQL_ENUM, /* of columns: text that is one of their values, in C an enum */
    SQL_TYPES,
};

/* Values for which C has no type. None owns what it points to. */
struct sql_bytes {
    const uint8_t *data;
    size_t len;
};

struct sql_date {
    int32_t days; /* since 1970-01-01, may be negative */
};

struct sql_time {
    int64_t us; /* microseconds since 1970-01-01 00:00 UTC */
};

struct sql_ids {
    const int64_t *ids;
    size_t n;
};

struct sql_texts {
    char *const *texts;
    size_t n;
};

enum sql_cardinality {
    SQL_NONE,     /* no rows */
    SQL_ONE,      /* exactly one; anything else is an internal error */
    SQL_OPTIONAL, /* none or one */
    SQL_MANY,
};

/* A lane is a class of statements and the connections that carry them. Classes that would hold each other up
 * never share a connection. */
enum lane {
    LANE_READ,    /* reads: many in one pipeline; waiting ones of one statement may be merged into one */
    LANE_INSERT,  /* short writes without explicit locks: many in one transaction, answered after its commit;
                     those with a key may be merged (tools/sqlgen) */
    LANE_WRITE,   /* writes that take locks: each in a transaction of its own, alone on its connection */
    LANE_JOB,     /* jobs and commands: like LANE_WRITE, on a pool of their own, without time limits */
    LANE_CONTROL, /* one connection, for cancelling statements of the others */
    LANES,
};

static inline const char *lane_name(enum lane lane)
{
    static const char *const names[LANES] = { "read", "insert", "write", "job", "control" };
    return names[lane];
}

struct sql_column {
    const char *name;
    enum sql_type type;
    bool nullable;
    size_t offset;     /* of the member in the row struct */
    size_t has_offset; /* of its bool has_NAME; used for a nullable column that is not passed by pointer */
    const char *const *values; /* of SQL_ENUM: the text of each constant, in the enum's order */
    size_t values_n;
};

struct statement {
    size_t number;    /* its index in sql_statements */
    const char *name; /* of the prepared statement */
    const char *file; /* "sql/queries/meeting.sql" */
    int line;         /* of its `-- name:` in the file */
    const char *text;
    const char *merged_name; /* NULL: cannot be merged */
    const char *merged_text; /* takes every parameter as an array and, of SQL_MANY, how many rows it may
                                return in all; each row begins with its caller's number, from 1 on */
    const enum sql_type *params;
    const char *const *param_names;
    size_t params_n;
    const struct sql_column *columns;
    size_t columns_n;
    size_t row_size;
    enum lane lane;
    enum sql_cardinality returns;
    const struct statement *keyed; /* the same, storing its rows under a key (call/once.h); or NULL */
    int key;      /* its parameter that names the row it locks: a value runs once at a time; -1: none */
    bool standby; /* a read that a standby may answer */
};

/* Made by tools/sqlgen: every statement. A connection prepares those of its lane when it comes up. */
extern const struct statement *const sql_statements[];
extern const size_t sql_statements_n;

/* The statement of this name; there must be one. */
const struct statement *statement_named(const char *name);

/* Writes one line: where the statement is in the sources, and the server's error:
 *
 *     sql/queries/goal.sql:14: list_goals: column g.titel does not exist
 *
 * PostgreSQL's hint follows in brackets. */
struct pg_result;
void statement_tell_error(const struct statement *statement, const struct pg_result *error, char *out,
                          size_t size);

#endif
