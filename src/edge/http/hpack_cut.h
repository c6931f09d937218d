/* SPDX-License-Identifier: MIT
 *
 * Takes texts out of a block of HPACK (RFC 7541) that are longer than a receiver takes, without a change to
 * the state that both sides keep.
 */
#ifndef EDGE_HTTP_HPACK_CUT_H
#define EDGE_HTTP_HPACK_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rewrites the block in place, shorter, and returns its new length; *has_cut: something was too long. A block
 * that is damaged is left as it is from there on: whoever decodes it finds out. */
size_t hpack_cut(uint8_t *block, size_t len, bool *has_cut);

#endif
