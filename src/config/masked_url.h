/* SPDX-License-Identifier: MIT
 *
 * A URL as it may be shown: without what may be a secret in it.
 */
#ifndef SVCD_CONFIG_MASKED_URL_H
#define SVCD_CONFIG_MASKED_URL_H

#define CONFIG_MASK "********" /* stands where a secret was */

/* A copy of a valid URL, which has no user, with its query (the part after its ?) masked. The caller frees
 * it. NULL: out of memory. */
char *masked_url(const char *text);
/* The same of a value that is not valid, for the error: whatever may be a user and a password is masked, too,
 * also where the scheme is missing. A text that is nothing like a URL is copied whole. */
char *masked_mistake(const char *text);

#endif
