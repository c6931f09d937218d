/* SPDX-License-Identifier: MIT
 *
 * Tests whether the database login of a new configuration works, before a reload takes it over.
 */
#ifndef DB_TRIAL_H
#define DB_TRIAL_H

#include <stdatomic.h>
#include <stdio.h>

#include "config/config.h"

/* Logs in as the configuration says. Returns 0; UV_EACCES, with a line in `errors`, if the server or TLS
 * refuses; UV_ENOMEM; UV_ECANCELED if it was abandoned. If the server cannot be reached the answer is
 * unknown: 0, with a warning in the log. Any thread; blocks for up to database.connect_timeout_ms, plus the
 * time that the resolver takes. */
int database_try(const struct config *config, const atomic_bool *is_abandoned, FILE *errors);

#endif
