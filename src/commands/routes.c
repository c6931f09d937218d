/* SPDX-License-Identifier: MIT
 *
 * `svcd routes`: prints the addresses that svcd listens on with this configuration, and the methods.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/address.h"
#include "call/method.h"
#include "commands/command.h"

static int run(const struct config *config, const struct command_line *line)
{
    static const char *const kinds[] = {
        [METHOD_UNARY] = "unary", [METHOD_SERVER_STREAM] = "server stream", [METHOD_DIALOGUE] = "both stream"
    };
    (void)line;
    for (size_t i = 0; i < config->server.listen.n; i++) {
        char text[ADDRESS_TEXT_LEN];
        const struct address *address = &config->server.listen.items[i];
        address_format((const struct sockaddr *)&address->socket, text);
        bool is_unix = address->socket.ss_family == AF_UNIX;
        printf("listen  %s%s%s\n", is_unix ? "" : scheme_name(address->scheme), is_unix ? "" : "://", text);
    }
    for (size_t i = 0; i < rpc_methods_n; i++)
        printf("call    %-60s  %s\n", rpc_methods[i].path, kinds[rpc_methods[i].kind]);
    return EXIT_SUCCESS;
}

const struct command command_routes = {
    .name = "routes",
    .synopsis = "routes",
    .summary = "show the addresses that svcd listens on, and all methods",
    .run = run,
};
