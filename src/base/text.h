/* SPDX-License-Identifier: MIT
 *
 * UTF-8: is it, and how many characters. Any thread.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Well-formed as in table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing above
 * U+10FFFF. */
bool text_is_utf8(const uint8_t *text, size_t len);

/* Code points of valid UTF-8; NULL has none. */
size_t text_length(const char *text);

#endif
