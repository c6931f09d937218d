/* SPDX-License-Identifier: MIT
 *
 * A URL as it may be shown: without what may be a secret in it.
 */
#ifndef SVCD_CONFIG_MASKED_URL_H
#define SVCD_CONFIG_MASKED_URL_H

#define CONFIG_MASK "********" /* stands where a secret was */

/* A copy of the text, in which the user and the query of a URL (the part after its ?) are masked. A text that
 * is no URL is copied whole. The caller frees it. NULL: out of memory. */
char *masked_url(const char *text);

#endif
