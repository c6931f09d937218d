/* SPDX-License-Identifier: MIT
 *
 * The allocator that nghttp2 uses, by base/slabs.h: it takes eight blocks for each RPC, and a page and a half
 * for an idle session. Loop thread only.
 */
#ifndef EDGE_HTTP_H2_MEMORY_H
#define EDGE_HTTP_H2_MEMORY_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>

/* For all sessions. Valid from h2_memory_init() to h2_memory_finish(), which is called when none is left. */
nghttp2_mem *h2_memory(void);
void h2_memory_init(void);
void h2_memory_finish(void);

/* Whether much free memory is kept for sessions to come: then h2_memory_trim() is to be called now and then,
 * see base/slabs.h. */
bool h2_memory_is_ample(void);
void h2_memory_trim(void);

#endif
