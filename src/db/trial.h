/* SPDX-License-Identifier: MIT
 *
 * Another login at the database, tried before anything depends on it.
 */
#ifndef DB_TRIAL_H
#define DB_TRIAL_H

#include <stdatomic.h>
#include <stdio.h>

#include "config/config.h"

/* Whether the database lets svcd in as the configuration says: 0; UV_EACCES after a line in errors if it, or
 * TLS, does not; UV_ENOMEM; UV_ECANCELED if it was abandoned. One that cannot be asked says neither: 0, after
 * a warning. Any thread; blocks for up to database.connect_timeout_ms, and its host's name to be looked up.
 */
int database_try(const struct config *config, const atomic_bool *is_abandoned, FILE *errors);

#endif
