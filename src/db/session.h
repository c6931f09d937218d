/* SPDX-License-Identifier: MIT
 *
 * The settings of a session. A statement sets them after connecting, because poolers do not accept start-up
 * options. They override settings of the role and the database. This file only makes the text.
 */
#ifndef DB_SESSION_H
#define DB_SESSION_H

#include <stddef.h>

#include "db/statement.h"

#define SESSION_SETTINGS_LEN 1024

/* $1 is what session_settings() wrote; settings that the server does not know are left out. Returns one row:
 * the backend's pid and start (microseconds since 1970), the database's encoding, the server's version, and
 * the columns below. */
extern const char session_sql[];
#define SESSION_IN_RECOVERY 5
#define SESSION_TIMELINE    6 /* 0 in recovery */
#define SESSION_IS_MIGRATED 7 /* schema svcd exists, of whatever version */
#define SESSION_IS_BARRED   8 /* but the role may not use it, so that its contents look missing */

/* $1 is a lock_timeout in ms. Returns one row: pid and start as above. Behind a pooler in transaction mode
 * they may be those of another backend than before. */
extern const char session_ready_sql[];

/* Writes the settings of a lane's sessions as JSON. `schemas`: the search_path; NULL: svcd's own. 0 ms: no
 * limit. */
void session_settings(char json[static SESSION_SETTINGS_LEN], enum lane lane, const char *schemas,
                      unsigned statement_timeout_ms, unsigned lock_timeout_ms);

/* Writes application_name: the lane (or `command`), the daemon's pid and the host, as in `read svcd
 * 4711@host`.
 */
#define SESSION_NAME_LEN 64
void session_name(char name[static SESSION_NAME_LEN], const char *lane);

#endif
