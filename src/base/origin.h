/* SPDX-License-Identifier: MIT
 *
 * Origins of web pages, as browsers send them: scheme://host, with a port unless it is the scheme's own, in
 * lower case. Any thread.
 */
#ifndef BASE_ORIGIN_H
#define BASE_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#define ORIGIN_LEN_MAX 280 /* a host's name has at most 253 */

/* Whether a browser could send this. */
bool origin_is_valid(const char *text, size_t len);

/* Whether it stands in `list` (origins separated by commas, without blanks; "*": every one does). */
bool origin_is_listed(const char *list, const char *origin, size_t len);

/* Whether it is that of a page which came from `authority` (host, or host:port) itself. */
bool origin_is_own(const char *origin, size_t len, const char *scheme, const char *authority,
                   size_t authority_len);

#endif
