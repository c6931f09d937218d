/* SPDX-License-Identifier: MIT
 *
 * Where nghttp2 takes its memory from: eight blocks an RPC, and of a session that idles a page and a half.
 */
#ifndef EDGE_HTTP_H2_MEMORY_H
#define EDGE_HTTP_H2_MEMORY_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>

/* For all sessions, from h2_memory_init() to h2_memory_finish(), when there are none any more. */
nghttp2_mem *h2_memory(void);
void h2_memory_init(void);
void h2_memory_finish(void);

/* More of it than a little is kept for sessions to come: h2_memory_trim() is to be called now and then, see
 * base/slabs.h. */
bool h2_memory_is_ample(void);
void h2_memory_trim(void);

#endif
