/* SPDX-License-Identifier: MIT
 *
 * How long a caller waits, as protocols write it.
 */
#ifndef EDGE_HTTP_TIMEOUT_H
#define EDGE_HTTP_TIMEOUT_H

#include <stddef.h>
#include <stdint.h>

/* grpc-timeout: one to eight digits and a unit, H M S m u n. UV_EINVAL. */
int timeout_parse_grpc(const char *text, size_t len, uint64_t *ns);
/* connect-timeout-ms: one to ten digits. UV_EINVAL. */
int timeout_parse_ms(const char *text, size_t len, uint64_t *ns);

/* The moment so far from now, in uv_hrtime()'s time; centuries are UINT64_MAX. */
uint64_t timeout_deadline_ns(uint64_t timeout_ns);

#endif
