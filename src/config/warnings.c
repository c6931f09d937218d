/* SPDX-License-Identifier: MIT */
#include "config/warnings.h"

#include <stdbool.h>
#include <stdio.h>

/* Reachable from other machines without TLS. */
static bool is_exposed(const struct address *address)
{
    return address->scheme != SCHEME_HTTPS && address->socket.ss_family != AF_UNIX &&
           !address_is_loopback((const struct sockaddr *)&address->socket);
}

/* A request is buffered until it is complete, in JSON at twice its length, and buffers grow by doubling. */
#define LONGEST_REQUESTS 4

static bool has_little_room(const struct config *config)
{
    bool is_buffered = address_list_has(&config->server.listen, SCHEME_HTTP) ||
                       address_list_has(&config->server.listen, SCHEME_HTTPS);
    return is_buffered &&
           config->server.max_buffered_bytes / LONGEST_REQUESTS < config->server.max_message_bytes;
}

size_t config_warnings(const struct config *config, char warnings[CONFIG_WARNINGS_MAX][CONFIG_WARNING_LEN])
{
    size_t n = 0;
    if (has_little_room(config))
        snprintf(
            warnings[n++], CONFIG_WARNING_LEN,
            "server.max_buffered_bytes is less than four times server.max_message_bytes: requests of that "
            "length may be refused, or their connection closed, even when nothing else is buffered");
    bool asks_for_token = config->access.callers == CALLERS_TOKEN;
    for (size_t i = 0; !asks_for_token && i < config->server.listen.n && n < CONFIG_WARNINGS_MAX; i++) {
        const struct address *address = &config->server.listen.items[i];
        char text[ADDRESS_TEXT_LEN];
        if (!is_exposed(address))
            continue;
        address_format((const struct sockaddr *)&address->socket, text);
        snprintf(warnings[n++], CONFIG_WARNING_LEN,
                 "%s://%s can be reached from elsewhere, without TLS and without a token",
                 scheme_name(address->scheme), text);
    }
    return n;
}
