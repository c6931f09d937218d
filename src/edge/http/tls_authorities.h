/* SPDX-License-Identifier: MIT
 *
 * Files of authorities that others (libcurl, libpq) verify a server by, and read only when they connect: a
 * look at them before, so that a mistake is found when the configuration is read.
 *
 * Any thread; blocks while it reads.
 */
#ifndef EDGE_HTTP_TLS_AUTHORITIES_H
#define EDGE_HTTP_TLS_AUTHORITIES_H

#include <stdio.h>

/* Returns 0; or a UV_E* code, after a line in errors that begins with the key, when the file cannot be read
 * or has no certificate (PEM). */
int tls_authorities_check(const char *key, const char *file, FILE *errors);

#endif
