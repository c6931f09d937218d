/* SPDX-License-Identifier: MIT
 *
 * The form is VERSION-TRACE-PARENT-FLAGS. In version 00 that is all; later versions may append more after
 * another dash.
 */
#include "base/traceparent.h"

#include <stddef.h>
#include <string.h>

#define LEN 55

static int digit_of(char c)
{
    static const char digits[] = "0123456789abcdef"; /* the standard allows no capitals */
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Reads n bytes of hexadecimal. False: other characters. */
static bool read_hex(const char *text, uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_zero(const uint8_t *bytes, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++)
        any |= bytes[i];
    return any == 0;
}

bool traceparent_parse(struct traceparent *parent, const char *text)
{
    uint8_t version, flags;
    if (strnlen(text, LEN) < LEN || text[2] != '-' || text[35] != '-' || text[52] != '-')
        return false;
    if (!read_hex(text, &version, 1) || !read_hex(text + 3, parent->trace_id, sizeof parent->trace_id) ||
        !read_hex(text + 36, parent->parent_id, sizeof parent->parent_id) || !read_hex(text + 53, &flags, 1))
        return false;
    if (version == 0xff || (version == 0 && text[LEN]) || (text[LEN] && text[LEN] != '-') ||
        is_zero(parent->trace_id, sizeof parent->trace_id) ||
        is_zero(parent->parent_id, sizeof parent->parent_id))
        return false;
    memcpy(parent->trace_text, text + 3, 32);
    parent->trace_text[32] = '\0';
    parent->is_sampled = flags & 1;
    return true;
}
