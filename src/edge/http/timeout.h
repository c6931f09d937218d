/* SPDX-License-Identifier: MIT
 *
 * How long a caller waits, as the protocols' header fields say it. Any thread.
 */
#ifndef EDGE_HTTP_TIMEOUT_H
#define EDGE_HTTP_TIMEOUT_H

#include <stddef.h>
#include <stdint.h>

/* grpc-timeout: one to eight digits and a unit, H M S m u n. 0 or UV_EINVAL. */
int timeout_parse_grpc(const char *text, size_t len, uint64_t *ns);
/* connect-timeout-ms: one to ten digits. 0 or UV_EINVAL. */
int timeout_parse_ms(const char *text, size_t len, uint64_t *ns);

/* The deadline that is so far from now, by uv_hrtime(); UINT64_MAX (never) if it is centuries away. */
uint64_t timeout_deadline_ns(uint64_t timeout_ns);

#endif
