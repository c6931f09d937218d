/* SPDX-License-Identifier: MIT
 *
 * HTTP/2 connections as a whole, from the frame after the preface on: the guard, HPACK, gRPC, Connect.
 */
#include <string.h>

#include "fuzz.h"

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"; /* and empty SETTINGS */

/* The first byte: how much comes at once. */
void fuzz_http2(const uint8_t *data, size_t size)
{
    if (size == 0)
        return;
    size_t head_len = sizeof preface - 1, len = head_len + size - 1;
    uint8_t *bytes = malloc(len);
    FUZZ_EXPECT(bytes != NULL);
    memcpy(bytes, preface, head_len);
    memcpy(bytes + head_len, data + 1, size - 1);
    fuzz_serve(bytes, len, data[0] & 1 ? 1 + (size_t)data[0] / 2 : len, false);
    free(bytes);
}
