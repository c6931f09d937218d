/* SPDX-License-Identifier: MIT
 *
 * Asks a server for its health, as a client: for commands. Blocks. Not in a process that serves.
 */
#ifndef EDGE_CORE_HEALTH_CLIENT_H
#define EDGE_CORE_HEALTH_CLIENT_H

#include <stddef.h>

enum health_answer {
    HEALTH_SERVING,
    HEALTH_NOT_SERVING,
    HEALTH_UNREACHABLE,     /* no answer within the time, or none that was understood */
    HEALTH_UNKNOWN_SERVICE, /* the server has none of this name */
};

/* address: HOST:PORT or unix:/PATH, plain HTTP/2. why says what went wrong, "" if nothing did. */
enum health_answer core_health_ask(const char *address, const char *service, unsigned timeout_ms, char *why,
                                   size_t why_size);

#endif
