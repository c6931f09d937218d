/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <string.h>

/* Length of the sequence that starts with this byte, and the range of its second byte; 0: not a start. */
static size_t sequence(uint8_t first, uint8_t *low, uint8_t *high)
{
    *low = 0x80;
    *high = 0xBF;
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        return 2;
    if (first >= 0xE0 && first <= 0xEF) {
        *low = first == 0xE0 ? 0xA0 : 0x80;
        *high = first == 0xED ? 0x9F : 0xBF;
        return 3;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        *low = first == 0xF0 ? 0x90 : 0x80;
        *high = first == 0xF4 ? 0x8F : 0xBF;
        return 4;
    }
    return 0;
}

/* The bytes of the valid UTF-8 sequence that text starts with; 0: it is invalid. */
static size_t sequence_len(const uint8_t *text, size_t len)
{
    uint8_t low, high;
    size_t n = sequence(text[0], &low, &high);
    if (n == 0 || n > len)
        return 0;
    if (n > 1 && (text[1] < low || text[1] > high))
        return 0;
    for (size_t k = 2; k < n; k++)
        if ((text[k] & 0xC0) != 0x80)
            return 0;
    return n;
}

size_t text_utf8_len(const uint8_t *text, size_t len)
{
    size_t i = 0;
    while (i < len) {
        uint64_t eight;
        if (len - i >= sizeof eight) { /* nearly all text is ASCII: check eight bytes at once */
            memcpy(&eight, text + i, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof eight;
                continue;
            }
        }
        size_t n = sequence_len(text + i, len - i);
        if (n == 0)
            break;
        i += n;
    }
    return i;
}

bool text_is_utf8(const uint8_t *text, size_t len)
{
    return text_utf8_len(text, len) == len;
}

static bool starts_character(char byte)
{
    return ((uint8_t)byte & 0xC0) != 0x80;
}

size_t text_length(const char *text)
{
    size_t n = 0;
    for (; text && *text; text++)
        n += starts_character(*text);
    return n;
}

size_t text_len_of(const char *text, size_t n)
{
    size_t len = 0;
    for (; text[len]; len++)
        if (starts_character(text[len]) && n-- == 0)
            break;
    return len;
}

size_t text_len_within(const char *text, size_t len_max)
{
    size_t len = strnlen(text, len_max);
    while (len > 0 && !starts_character(text[len])) /* the NUL counts as a start, too */
        len--;
    return len;
}

size_t text_mark_len(const char *text, size_t len)
{
    static const char mark[] = "\xef\xbb\xbf";
    const size_t mark_len = sizeof mark - 1;
    return len >= mark_len && memcmp(text, mark, mark_len) == 0 ? mark_len : 0;
}
