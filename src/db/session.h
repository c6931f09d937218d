/* SPDX-License-Identifier: MIT
 *
 * The settings of a session, made by a statement once it is connected: a pooler in between takes no start-up
 * options, and whatever a role or a database is set to changes nothing of what we do. Sends nothing.
 */
#ifndef DB_SESSION_H
#define DB_SESSION_H

#include <stddef.h>

#include "db/statement.h"

#define SESSION_SETTINGS_LEN 1024

/* Takes $1, what session_settings() wrote; sets those that the server knows. One row: the backend's pid, when
 * it began (microseconds since 1970), the encoding of the database, the version; then those below. */
extern const char session_sql[];
#define SESSION_IN_RECOVERY 5
#define SESSION_TIMELINE    6 /* 0 in recovery */
#define SESSION_IS_MIGRATED 7 /* by whichever svcd */
#define SESSION_IS_BARRED   8 /* from schema svcd, which is there; what is in it looks missing */

/* Takes $1, a lock_timeout in ms; one row: pid and beginning as above, which behind a pooler of transactions
 * may be another's. */
extern const char session_ready_sql[];

/* JSON of what a lane's sessions are set to. `schemas`: where names are looked for; NULL: where svcd's are.
 * 0 ms: no limit. */
void session_settings(char json[static SESSION_SETTINGS_LEN], enum lane lane, const char *schemas,
                      unsigned statement_timeout_ms, unsigned lock_timeout_ms);

/* application_name: the lane first, `command` for one that has none, then what tells daemons and hosts apart:
 * `read svcd 4711@host`. */
#define SESSION_NAME_LEN 64
void session_name(char name[static SESSION_NAME_LEN], const char *lane);

#endif
