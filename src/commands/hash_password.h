/* SPDX-License-Identifier: MIT
 *
 * `svcd hash-password`: a crypt string for an account that no RPC makes.
 */
#ifndef COMMANDS_HASH_PASSWORD_H
#define COMMANDS_HASH_PASSWORD_H

#include "config/config.h"

/* Reads a password from standard input, without echo if that is a terminal, and prints the crypt string that
 * the configuration makes of it. Blocks. Returns the exit status; what went wrong stands on standard error.
 */
int hash_password_run(const struct config *config);

#endif
