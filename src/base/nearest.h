/* SPDX-License-Identifier: MIT
 *
 * Which of several names a misspelt one was meant to be. Any thread.
 */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

/* Levenshtein's distance; names of more than EDIT_DISTANCE_FAR characters are that far from everything. */
#define EDIT_DISTANCE_FAR 64
int edit_distance(const char *a, const char *b);

#endif
