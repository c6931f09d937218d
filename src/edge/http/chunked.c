/* SPDX-License-Identifier: MIT */
#include "edge/http/chunked.h"

#include <stdbool.h>

#include "edge/http/text.h"

#define DIGITS_MAX 15 /* of a chunk's size in hexadecimal: so many cannot overflow */

static int hex_of(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Blanks may come before an extension, and only an extension after blanks. */
static enum chunked_state on_blank(uint8_t c)
{
    return c == ';' ? CHUNKED_EXTENSION : c == ' ' || c == '\t' ? CHUNKED_BLANK : CHUNKED_WRONG;
}

static enum chunked_state on_size(struct chunked *chunked, uint8_t c)
{
    int digit = hex_of(c);
    if (digit >= 0 && chunked->digits < DIGITS_MAX) {
        chunked->digits++;
        chunked->left = chunked->left << 4 | (unsigned)digit;
        return CHUNKED_SIZE;
    }
    chunked->extra_len = 0;
    if (chunked->digits == 0 || digit >= 0)
        return CHUNKED_WRONG;
    return c == '\r' ? CHUNKED_SIZE_LF : on_blank(c);
}

static bool is_text(uint8_t c)
{
    return (c >= 0x20 && c != 0x7f) || c == '\t';
}

static enum chunked_state on_extra(struct chunked *chunked, uint8_t c, enum chunked_state at_end, size_t max)
{
    if (c == '\r')
        return at_end;
    return is_text(c) && ++chunked->extra_len <= max ? chunked->state : CHUNKED_WRONG;
}

static bool is_of_name(uint8_t c)
{
    return http_text_is_token((struct http_text){ (const char *)&c, 1 }, true);
}

/* A trailer's line begins. One that continues the line before it (obs-fold: a leading blank) is refused. */
static enum chunked_state on_line(struct chunked *chunked, uint8_t c)
{
    if (c == '\r')
        return CHUNKED_END_LF;
    chunked->extra_len++;
    return is_of_name(c) ? CHUNKED_NAME : CHUNKED_WRONG;
}

static enum chunked_state on_name(struct chunked *chunked, uint8_t c)
{
    bool fits = ++chunked->extra_len <= CHUNK_TRAILERS_MAX;
    return c == ':' ? CHUNKED_TRAILER : fits && is_of_name(c) ? CHUNKED_NAME : CHUNKED_WRONG;
}

static enum chunked_state next_state(struct chunked *chunked, uint8_t c)
{
    switch (chunked->state) {
    case CHUNKED_SIZE:
        return on_size(chunked, c);
    case CHUNKED_BLANK:
        return ++chunked->extra_len <= CHUNK_EXTENSION_MAX ? on_blank(c) : CHUNKED_WRONG;
    case CHUNKED_EXTENSION:
        return on_extra(chunked, c, CHUNKED_SIZE_LF, CHUNK_EXTENSION_MAX);
    case CHUNKED_SIZE_LF:
        chunked->digits = 0;
        chunked->extra_len = 0;
        return c != '\n' ? CHUNKED_WRONG : chunked->left ? CHUNKED_DATA : CHUNKED_LINE;
    case CHUNKED_DATA_CR:
        return c == '\r' ? CHUNKED_DATA_LF : CHUNKED_WRONG;
    case CHUNKED_DATA_LF:
        return c == '\n' ? CHUNKED_SIZE : CHUNKED_WRONG;
    case CHUNKED_LINE:
        return on_line(chunked, c);
    case CHUNKED_NAME:
        return on_name(chunked, c);
    case CHUNKED_TRAILER:
        return on_extra(chunked, c, CHUNKED_TRAILER_LF, CHUNK_TRAILERS_MAX);
    case CHUNKED_TRAILER_LF:
        return c == '\n' ? CHUNKED_LINE : CHUNKED_WRONG;
    case CHUNKED_END_LF:
        return c == '\n' ? CHUNKED_END : CHUNKED_WRONG;
    default:
        return CHUNKED_WRONG;
    }
}

size_t chunked_take(struct chunked *chunked, const uint8_t *bytes, size_t len, const uint8_t **piece,
                    size_t *piece_len)
{
    size_t i = 0;
    *piece = NULL;
    *piece_len = 0;
    while (i < len && chunked->state < CHUNKED_END) {
        if (chunked->state != CHUNKED_DATA) {
            chunked->state = next_state(chunked, bytes[i++]);
            continue;
        }
        *piece = bytes + i;
        *piece_len = len - i < chunked->left ? len - i : (size_t)chunked->left;
        chunked->left -= *piece_len;
        if (chunked->left == 0)
            chunked->state = CHUNKED_DATA_CR;
        return i + *piece_len;
    }
    return i;
}
