/* SPDX-License-Identifier: MIT
 *
 * A text that is too long is replaced by one that still does not fit the dynamic table (4096 bytes, what we
 * announce). A literal that does not fit empties the table (RFC 7541, 4.4), so the replacement has the effect
 * of the original.
 */
#include "edge/http/hpack_cut.h"

#include <string.h>

#define LONG_LEN        ((size_t)65536) /* bytes of a text, the most that nghttp2 takes */
#define REPLACEMENT_LEN ((size_t)4096)

struct cursor {
    uint8_t *block;
    size_t at, len; /* reading: bytes done, and all */
    size_t out;     /* writing: bytes done, never ahead of `at` */
    bool has_cut;
};

/* Reads an integer with a prefix of so many bits (RFC 7541, 5.1). False: it is damaged or huge. */
static bool read_integer(struct cursor *cursor, unsigned bits, size_t *value)
{
    uint8_t mask = (uint8_t)((1u << bits) - 1);
    if (cursor->at == cursor->len)
        return false;
    *value = cursor->block[cursor->at++] & mask;
    if (*value < mask)
        return true;
    for (unsigned shift = 0; shift <= 28; shift += 7) {
        if (cursor->at == cursor->len)
            return false;
        uint8_t byte = cursor->block[cursor->at++];
        *value += (size_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

static void write_from(struct cursor *cursor, size_t begin, size_t end)
{
    memmove(cursor->block + cursor->out, cursor->block + begin, end - begin);
    cursor->out += end - begin;
}

static void write_replacement(struct cursor *cursor)
{
    static const uint8_t head[] = { 0x7f, 0x81, 0x1f }; /* length 4096, without Huffman coding */
    memcpy(cursor->block + cursor->out, head, sizeof head);
    memset(cursor->block + cursor->out + sizeof head, 'x', REPLACEMENT_LEN);
    cursor->out += sizeof head + REPLACEMENT_LEN;
}

static bool copy_text(struct cursor *cursor)
{
    size_t begin = cursor->at, len;
    if (!read_integer(cursor, 7, &len) || len > cursor->len - cursor->at)
        return false;
    cursor->at += len;
    if (len <= LONG_LEN) {
        write_from(cursor, begin, cursor->at);
    } else {
        write_replacement(cursor);
        cursor->has_cut = true;
    }
    return true;
}

static bool copy_field(struct cursor *cursor)
{
    uint8_t first = cursor->block[cursor->at];
    size_t begin = cursor->at, index;
    bool is_indexed = first & 0x80, is_size = (first & 0xe0) == 0x20;
    unsigned bits = is_indexed ? 7 : first & 0x40 ? 6 : is_size ? 5 : 4;
    if (!read_integer(cursor, bits, &index))
        return false;
    write_from(cursor, begin, cursor->at);
    if (is_indexed || is_size)
        return true;
    return (index != 0 || copy_text(cursor)) && copy_text(cursor);
}

size_t hpack_cut(uint8_t *block, size_t len, bool *has_cut)
{
    struct cursor cursor = { .block = block, .len = len };
    while (cursor.at < len) {
        size_t begin = cursor.at, out = cursor.out;
        if (copy_field(&cursor))
            continue;
        cursor.out = out;
        write_from(&cursor, begin, len);
        break;
    }
    *has_cut = cursor.has_cut;
    return cursor.out;
}
