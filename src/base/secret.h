/* SPDX-License-Identifier: MIT
 *
 * Reads a secret from a file without leaving copies of it in memory. Any thread.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stddef.h>

#define SECRET_LINE_MAX 1023 /* bytes */

/* Reads a file's first line, without a byte order mark and the line's end; the caller wipes it. Blocks.
 * Returns 0; UV_E2BIG: longer than size - 1 bytes; UV_EILSEQ: it has a NUL byte; or another UV_E* code: the
 * file cannot be read. On error text is "". */
int secret_read(char *text, size_t size, const char *path);
/* Says what secret_read's error means, to follow the file's name in a message. */
const char *secret_read_error(int rc);

#endif
