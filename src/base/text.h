/* SPDX-License-Identifier: MIT
 *
 * UTF-8 text: validation, length in characters, and where to cut. Any thread.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Well-formed as in table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing above
 * U+10FFFF. */
bool text_is_utf8(const uint8_t *text, size_t len);

/* The bytes of the valid UTF-8 that text starts with: len, or where the first invalid sequence begins. */
size_t text_utf8_len(const uint8_t *text, size_t len);

/* Ends text that was cut. */
#define TEXT_ELLIPSIS "…"

/* Code points of valid UTF-8; NULL has none. */
size_t text_length(const char *text);

/* The bytes of the first n characters of valid UTF-8, or of all if there are fewer. */
size_t text_len_of(const char *text, size_t n);
/* The bytes of as many whole characters as fit len_max bytes. */
size_t text_len_within(const char *text, size_t len_max);

/* The bytes of the byte order mark that text begins with, as Windows editors and spreadsheets write it; 0:
 * none. */
size_t text_mark_len(const char *text, size_t len);

#endif
