/* SPDX-License-Identifier: MIT */
#include "edge/http/base64.h"

#include <stdbool.h>
#include <uv.h>

#define PAD  64
#define NONE 65

static uint8_t value_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint8_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint8_t)(c - 'a' + 26);
    if (c >= '0' && c <= '9')
        return (uint8_t)(c - '0' + 52);
    return c == '+' ? 62 : c == '/' ? 63 : c == '=' ? PAD : NONE;
}

int base64_unwrap(uint8_t *text, size_t *len)
{
    uint32_t bits = 0;
    unsigned place = 0; /* within a group of four characters */
    bool is_padded = false;
    size_t n = 0;
    for (size_t i = 0; i < *len; i++) {
        uint8_t value = value_of(text[i]);
        bool is_pad = value == PAD;
        if (value == NONE || is_pad < is_padded || (is_pad && place < 2))
            return UV_EINVAL;
        is_padded = is_pad;
        bits = bits << 6 | (value & 63);
        if (place > 0 && !is_pad)
            text[n++] = (uint8_t)(bits >> (6 - 2 * place));
        place = (place + 1) % 4;
        if (place == 0)
            is_padded = false;
    }
    *len = n;
    return place == 1 || is_padded ? UV_EINVAL : 0;
}

/* From the end to the start, so that nothing is overwritten before it has been read. */
int base64_wrap(struct bytes *bytes, size_t start)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t len = bytes->len - start, groups = (len + 2) / 3;
    if (len == 0) /* `data` may be NULL then */
        return 0;
    if (bytes_reserve(bytes, groups * 4 - len))
        return UV_ENOMEM;
    uint8_t *at = bytes->data + start;
    for (size_t i = groups; i-- > 0;) {
        size_t n = len - i * 3 < 3 ? len - i * 3 : 3;
        uint32_t bits = (uint32_t)at[i * 3] << 16;
        bits |= n > 1 ? (uint32_t)at[i * 3 + 1] << 8 : 0;
        bits |= n > 2 ? at[i * 3 + 2] : 0;
        at[i * 4] = (uint8_t)alphabet[bits >> 18];
        at[i * 4 + 1] = (uint8_t)alphabet[bits >> 12 & 63];
        at[i * 4 + 2] = n > 1 ? (uint8_t)alphabet[bits >> 6 & 63] : '=';
        at[i * 4 + 3] = n > 2 ? (uint8_t)alphabet[bits & 63] : '=';
    }
    bytes->len = start + groups * 4;
    return 0;
}
