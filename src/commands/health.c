/* SPDX-License-Identifier: MIT
 *
 * `svcd health`: asks a running svcd, or any other server with grpc.health.v1, for its health; for scripts.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "commands/command.h"
#include "edge/core/health_client.h"

#define TIMEOUT_MS 5000

enum { EXIT_NOT_SERVING = 1, EXIT_UNREACHABLE = 3, EXIT_UNKNOWN_SERVICE = 4 };

/* Where to reach the daemon of this configuration from this machine: a wildcard is replaced by loopback. */
static bool address_of(const struct config *config, char text[ADDRESS_TEXT_LEN])
{
    for (size_t i = 0; i < config->server.listen.n; i++) {
        struct address address = config->server.listen.items[i];
        struct sockaddr_in *v4 = (struct sockaddr_in *)&address.socket;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address.socket;
        if (address.scheme == SCHEME_HTTPS)
            continue;
        if (v4->sin_family == AF_INET && v4->sin_addr.s_addr == htonl(INADDR_ANY))
            v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (v6->sin6_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr))
            v6->sin6_addr = in6addr_loopback;
        address_format((struct sockaddr *)&address.socket, text);
        return true;
    }
    return false;
}

/* This client treats grpc:// and http:// alike. NULL: https://, which it does not support. */
static const char *without_scheme(const char *address)
{
    static const char *const plain[] = { "grpc://", "http://" };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strncmp(address, plain[i], strlen(plain[i])) == 0)
            return address + strlen(plain[i]);
    return strncmp(address, "https://", 8) == 0 ? NULL : address;
}

/* Checked here because the gRPC core accepts any port modulo 65536, and takes a missing one for 443. */
static bool is_address(const char *text)
{
    const char *port = strrchr(text, ':');
    if (strncmp(text, "unix:", 5) == 0)
        return text[5] != '\0';
    return port && port > text && strspn(port + 1, "0123456789") == strlen(port + 1) &&
           strlen(port + 1) <= 5 && atoi(port + 1) >= 1 && atoi(port + 1) <= 65535;
}

static int run(const struct config *config, const struct command_line *line)
{
    static const int exit_codes[] = { [HEALTH_SERVING] = EXIT_SUCCESS,
                                      [HEALTH_NOT_SERVING] = EXIT_NOT_SERVING,
                                      [HEALTH_UNREACHABLE] = EXIT_UNREACHABLE,
                                      [HEALTH_UNKNOWN_SERVICE] = EXIT_UNKNOWN_SERVICE };
    static const char *const answers[] = { "SERVING", "NOT_SERVING", "unreachable", "unknown service" };
    const char *given = command_line_option(line, "address"), *service = command_line_option(line, "service");
    char of_config[ADDRESS_TEXT_LEN], why[256];
    const char *address = given ? without_scheme(given) : address_of(config, of_config) ? of_config : NULL;
    if (!address || !*address)
        return command_misused(
            "health", "supports plain HTTP/2 only: give --address HOST:PORT of a listener without TLS");
    if (!is_address(address))
        return command_misused("--address", "expected HOST:PORT or unix:/PATH");
    enum health_answer answer = core_health_ask(address, service ? service : "", TIMEOUT_MS, why, sizeof why);
    FILE *out = answer <= HEALTH_NOT_SERVING ? stdout : stderr;
    fprintf(out, "%s%s%s\n", answers[answer], *why ? ": " : "", why);
    return exit_codes[answer];
}

const struct command command_health = {
    .name = "health",
    .synopsis = "health",
    .answers_by_status = true,
    .summary = "ask a server for its health; exit status: 0 SERVING, 1 NOT_SERVING, 3 unreachable, 4 unknown "
               "service",
    .options = { { "address", "HOST:PORT",
                   "address of the server; by default the first one that svcd listens on" },
                 { "service", "NAME", "service to ask about; by default the server as a whole" } },
    .run = run,
};
