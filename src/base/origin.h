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

/* Whether `list` has this origin (origins separated by commas, without blanks; "*" means every origin). */
bool origin_is_listed(const char *list, const char *origin, size_t len);

/* Whether a request to `authority` (host, or host:port) with this origin comes from a page of the same server
 * (same-origin). */
bool origin_is_own(const char *origin, size_t len, const char *scheme, const char *authority,
                   size_t authority_len);

#endif
