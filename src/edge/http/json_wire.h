/* SPDX-License-Identifier: MIT
 *
 * The few pieces of protobuf's wire format that the JSON reader and writer share.
 */
#ifndef EDGE_HTTP_JSON_WIRE_H
#define EDGE_HTTP_JSON_WIRE_H

#include "base/bytes.h"
#include "base/descriptor.h"

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_LEN = 2, WIRE_FIXED32 = 5 };

#define WIRE_VARINT_MAX_LEN 10

static inline enum wire_type wire_type_of(enum field_type type)
{
    static const uint8_t types[FIELD_TYPES_N] = {
        [FIELD_DOUBLE] = WIRE_FIXED64, [FIELD_FIXED64] = WIRE_FIXED64, [FIELD_SFIXED64] = WIRE_FIXED64,
        [FIELD_FLOAT] = WIRE_FIXED32,  [FIELD_FIXED32] = WIRE_FIXED32, [FIELD_SFIXED32] = WIRE_FIXED32,
        [FIELD_STRING] = WIRE_LEN,     [FIELD_BYTES] = WIRE_LEN,       [FIELD_MESSAGE] = WIRE_LEN,
    };
    return (enum wire_type)types[type];
}

/* `out` must have room for WIRE_VARINT_MAX_LEN bytes. */
static inline void wire_put_varint(struct bytes *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        bytes_put_byte(out, (uint8_t)(value | 0x80));
    bytes_put_byte(out, (uint8_t)value);
}

/* Protobuf is little-endian, and so are the machines that svcd is built for (json_write.c asserts it). There
 * must be room. */
static inline void wire_put_fixed(struct bytes *out, uint64_t value, size_t len)
{
    bytes_put(out, &value, len);
}

#endif
