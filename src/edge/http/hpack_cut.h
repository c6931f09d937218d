/* SPDX-License-Identifier: MIT
 *
 * Shortens texts in a block of HPACK (RFC 7541) that are longer than nghttp2 accepts, without changing what
 * the block does to the dynamic table, which both sides keep. Any thread.
 */
#ifndef EDGE_HTTP_HPACK_CUT_H
#define EDGE_HTTP_HPACK_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rewrites the block in place, never longer, and returns its new length; *has_cut: something was too long. A
 * damaged block is left as it is from the damage on: the decoder will find out. */
size_t hpack_cut(uint8_t *block, size_t len, bool *has_cut);

#endif
