/* SPDX-License-Identifier: MIT
 *
 * HTTP/1.1 connections as a whole: heads, bodies, chunks, gRPC-Web, Connect, JSON, CORS, pages, PROXY heads.
 */
#include "fuzz.h"

/* The first byte: whether a proxy speaks, and how much comes at once. */
void fuzz_http1(const uint8_t *data, size_t size)
{
    if (size > 0)
        fuzz_serve(data + 1, size - 1, data[0] & 2 ? 1 + (size_t)data[0] / 4 : size, data[0] & 1);
}
