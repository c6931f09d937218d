/* SPDX-License-Identifier: MIT
 *
 * Asks a server for its health, as a gRPC client: for commands such as `svcd health`. Blocks the calling
 * thread. Not to be used in a process that serves.
 */
#ifndef EDGE_CORE_HEALTH_CLIENT_H
#define EDGE_CORE_HEALTH_CLIENT_H

#include <stddef.h>

enum health_answer {
    HEALTH_SERVING,
    HEALTH_NOT_SERVING,
    HEALTH_UNREACHABLE,     /* no answer in time, or one that was not understood */
    HEALTH_UNKNOWN_SERVICE, /* the server has no service of this name */
};

/* address: HOST:PORT or unix:/PATH, asked by HTTP/2 without TLS. `why`: what went wrong, or "". */
enum health_answer core_health_ask(const char *address, const char *service, unsigned timeout_ms, char *why,
                                   size_t why_size);

#endif
