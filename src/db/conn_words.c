/* SPDX-License-Identifier: MIT
 *
 * Turns libpq's errors about a connection into one line for the log, and finds advice for them.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "db/conn.h"

#define PRIVILEGE_ADVICE "let the role use what is named: svcd(8), ROLES, or sql/roles.sql"
#define SETTINGS_ADVICE  "correct or remove the setting in PGOPTIONS (the environment or .env)"

struct advice {
    const char *sqlstate, *text;
};

/* Errors that no retry can fix. The first entry that is a prefix of the SQLSTATE counts, so classes come
 * last. Before a login is complete only the settings of PGOPTIONS are looked at, after it only svcd's schema.
 */
static const struct advice of_logins[] = {
    { "28P01",
      "set database.user and database.password (POSTGRES_USER, POSTGRES_PASSWORD) to what the server knows" },
    { "28000", "let the role log in: pg_hba.conf, ALTER ROLE ... LOGIN, database.user (POSTGRES_USER)" },
    { "3D000", "create the database, or set database.name (POSTGRES_DATABASE) to one that is there" },
    { "42501", PRIVILEGE_ADVICE },
    { "42", SETTINGS_ADVICE },
    { "22", SETTINGS_ADVICE },
};
static const struct advice of_statements[] = {
    { "42501", PRIVILEGE_ADVICE },
    { "3F000", "bring the database to this version's schema: svcd migrate" },
    { "42", "bring the database to this version's schema: svcd migrate" },
};

static const char *find_advice(const struct advice *advices, size_t n, const char *sqlstate)
{
    for (size_t i = 0; sqlstate && i < n; i++)
        if (strncmp(advices[i].sqlstate, sqlstate, strlen(advices[i].sqlstate)) == 0)
            return advices[i].text;
    return NULL;
}

const char *conn_advice_for(const char *sqlstate)
{
    return find_advice(of_statements, sizeof of_statements / sizeof *of_statements, sqlstate);
}

/* A setting may be barred to the role, which has the SQLSTATE of any missing privilege. */
static const char *advice_for_login(const char *sqlstate, const char *text)
{
    if (sqlstate && strstr(text, "permission denied to set parameter"))
        return SETTINGS_ADVICE;
    return find_advice(of_logins, sizeof of_logins / sizeof *of_logins, sqlstate);
}

/* The SQLSTATE of a failed login, which libpq tells only in its text (`FATAL:  28P01: words`). */
static char *find_sqlstate(char *text)
{
    for (char *at = strstr(text, ":  "); at; at = strstr(at + 3, ":  ")) {
        size_t len = strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        if (len == 5 && strncmp(at + 8, ": ", 2) == 0)
            return at + 3;
    }
    return NULL;
}

bool conn_words(char why[static CONN_WHY_LEN], const char **advice, const char *text)
{
    snprintf(why, CONN_WHY_LEN, "%s", text);
    char *location = strstr(why, "\nLOCATION:"); /* libpq's messages are English, as svcd sets no locale */
    if (location)
        *location = '\0';
    char *sqlstate = find_sqlstate(why);
    *advice = advice_for_login(sqlstate, why);
    if (sqlstate)
        memmove(sqlstate, sqlstate + 7, strlen(sqlstate + 7) + 1);
    for (char *c = why; *c; c++)
        if (*c == '\n')
            *c = ' ';
    size_t len = strlen(why);
    while (len > 0 && isspace((unsigned char)why[len - 1]))
        why[--len] = '\0';
    return sqlstate;
}

void conn_note(struct conn *conn, const char *text)
{
    (void)conn_words(conn->why, &conn->advice, text);
}

bool conn_is_severity(const PGresult *result, const char *severity)
{
    const char *told = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    return told && strcmp(told, severity) == 0;
}
