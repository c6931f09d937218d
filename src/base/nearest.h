/* SPDX-License-Identifier: MIT
 *
 * How similar two names are, to suggest the name that a misspelt one was meant to be. Any thread.
 */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

/* The Levenshtein distance; EDIT_DISTANCE_FAR if a name has more characters than that. */
#define EDIT_DISTANCE_FAR 64
int edit_distance(const char *a, const char *b);

/* The name that a word was probably meant to be, among those offered; zero-initialized but for `written`. */
struct guess {
    const char *written;
    const char *name; /* NULL: none is near */
    int distance;
};

/* Offers a name, which counts if it is nearer than those before: guess_offer() one that about a third of the
 * word's letters make, guess_offer_part() one that contains the word or is contained in it (`cert` for
 * `certificate`). `like` is what the word is compared with, such as the name without a prefix. The name must
 * live as long as the guess. */
void guess_offer(struct guess *guess, const char *like, const char *name);
void guess_offer_part(struct guess *guess, const char *like, const char *name);

#endif
