/* SPDX-License-Identifier: MIT
 *
 * UTF-8: is it, how many characters, and where to cut. Any thread.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Well-formed as in table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing above
 * U+10FFFF. */
bool text_is_utf8(const uint8_t *text, size_t len);

/* How many bytes from the start are: len, or where the first sequence begins that is none. */
size_t text_utf8_len(const uint8_t *text, size_t len);

/* Code points of valid UTF-8; NULL has none. */
size_t text_length(const char *text);

/* The bytes of the first n characters of valid UTF-8, or of all if there are fewer. */
size_t text_len_of(const char *text, size_t n);
/* The bytes of as many whole characters as take at most len_max. */
size_t text_len_within(const char *text, size_t len_max);

/* The bytes of a byte order mark that it begins with, as editors of Windows and spreadsheets write it; 0:
 * there is none. */
size_t text_mark_len(const char *text, size_t len);

#endif
