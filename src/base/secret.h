/* SPDX-License-Identifier: MIT
 *
 * Secrets that lie in files: how one is read, so that no copy of it is left.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stddef.h>

#define SECRET_LINE_MAX 1023 /* bytes */

/* The first line of a file, without its end and a byte order mark before it; the caller wipes it. Blocks. 0;
 * UV_E2BIG: it is longer than size - 1 bytes; UV_EILSEQ: it holds a NUL byte; or why the file cannot be read.
 * On error text is "". */
int secret_read(char *text, size_t size, const char *path);
/* What was wrong then, to stand after the file's name. */
const char *secret_read_error(int rc);

#endif
