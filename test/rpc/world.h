/* SPDX-License-Identifier: MIT
 *
 * The database of a test, by a connection of the test's own: what it holds, and rows to begin with.
 *
 * Everything that a function here returns lives until world_close. Every failure fails the test.
 */
#ifndef TEST_RPC_WORLD_H
#define TEST_RPC_WORLD_H

#include <stddef.h>

struct database_params;

/* Connects, and empties a migrated database, of which schema test is for what a test makes; params outlive
 * the world. The harness calls both. */
void world_open(const struct database_params *params);
void world_close(void);
/* What world_open begins with; ends the daemon's connections. */
void world_empty(void);

/* Whom svcd connects as: the role named by SERVE_AS, if it is set; the world stays its owner's. */
void world_serve_as(struct database_params *params);

/* ---- the database, by a connection of the test's own ---- */

/* printf-style; quote text with db_quote. */
void db_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The first column of the only row; NULL as 0 or "". */
long db_int(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *db_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *db_quote(const char *text);

/* A digest of every row of every table. */
const char *db_state(void);

/* A further connection, for a test that holds a lock meanwhile. Statements on it go through libpq; closed
 * with the test. */
struct pg_conn *db_connect(void);

/* A connection that holds the lock of this statement, which others wait for until it lets go. */
struct pg_conn *db_hold(const char *lock);
void db_let_go(struct pg_conn *holder);

/* A gate: what takes the shared advisory lock DB_GATE, in a trigger or policy of the test's, waits while it
 * is closed. Whoever closed it opens it. */
#define DB_GATE "4711"
struct pg_conn *db_close_gate(void);
void db_open_gate(struct pg_conn *holder);

/* ---- the test's memory ---- */

/* Copies. */
void *keep(const void *bytes, size_t len);
char *keep_text(const char *text);
/* n times a character. */
char *text_of(size_t n, const char *character);
/* "WORD N". */
char *numbered(const char *word, int n);

/* ---- rows; ids returned are account ids, but for area and skill ---- */

int make_area(const char *name);
int make_skill(const char *name);
int make_account(int area);                    /* born 1990-01-01, password hash unusable */
int make_mentor(int area, const char *skills); /* skills: ids, "1001, 1002", or "" */
int make_mentee(int area, const char *skills);
void make_assignment(int mentor, int mentee);
void make_model(int area1, int area2, double overlap, double age, double offset);

#endif
