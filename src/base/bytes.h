/* SPDX-License-Identifier: MIT
 *
 * A growable buffer, to be filled again and again: it keeps its memory until bytes_finish(). Any one thread.
 * { 0 } is an empty one.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    uint8_t *data; /* owned; NULL while nothing was ever allocated */
    size_t len;    /* in use */
    size_t size;   /* allocated */
};

/* The slow path of bytes_reserve(). */
int bytes_grow(struct bytes *bytes, size_t more);

/* Makes room for `more` bytes after len. 0, or UV_ENOMEM and nothing has changed. */
static inline int bytes_reserve(struct bytes *bytes, size_t more)
{
    return bytes->size - bytes->len >= more ? 0 : bytes_grow(bytes, more);
}

/* Appends; the room must have been reserved. */
static inline void bytes_put(struct bytes *bytes, const void *piece, size_t len)
{
    if (len)
        memcpy(bytes->data + bytes->len, piece, len);
    bytes->len += len;
}

static inline void bytes_put_byte(struct bytes *bytes, uint8_t byte)
{
    bytes->data[bytes->len++] = byte;
}

/* Frees the memory; the buffer is empty then and may be used again. */
void bytes_finish(struct bytes *bytes);

#endif
