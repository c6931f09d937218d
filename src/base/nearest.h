/* SPDX-License-Identifier: MIT
 *
 * How similar two names are, to suggest the name that a misspelt one was meant to be. Any thread.
 */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

/* The Levenshtein distance; EDIT_DISTANCE_FAR if a name has more characters than that. */
#define EDIT_DISTANCE_FAR 64
int edit_distance(const char *a, const char *b);

#endif
