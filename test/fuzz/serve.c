/* SPDX-License-Identifier: MIT
 *
 * Svcd's own edge, served to one peer at a time over a pair of sockets.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "call/context.h"
#include "edge/http/pages.h"
#include "edge/http/server.h"
#include "edge/peers.h"
#include "fuzz.h"

#define TURNS_MAX 100000 /* a hash of a call that was left may have to end first */

static struct peers peers;
static struct network_list proxies;
static struct http_site site;

static struct http_server *server_for(struct context *context)
{
    static struct http_server *server;
    struct http_server_options options = { .limits = { .max_message_bytes = 65536,
                                                       .max_concurrent_streams = 100,
                                                       .idle_timeout_ms = 60000,
                                                       .request_timeout_ms = 60000,
                                                       .max_buffered_bytes = 1 << 22,
                                                       .proxy_protocol_from = &proxies },
                                           .peers = &peers,
                                           .timers = context->timers };
    if (server)
        return server;
    FUZZ_EXPECT(network_parse(&proxies.items[proxies.n++], "192.0.2.0/24") == 0);
    site = (struct http_site){ .pages = http_pages(true), .has_calls = true };
    FUZZ_EXPECT(http_server_create(&server, context->loop, context, &options) == 0);
    return server;
}

/* Everything it has to say is taken, and thrown away. */
static void turn(struct context *context, int fd)
{
    static uint8_t said[1 << 16];
    uv_run(context->loop, UV_RUN_NOWAIT);
    while (recv(fd, said, sizeof said, MSG_DONTWAIT) > 0)
        continue;
}

static bool send_all(struct context *context, int fd, const uint8_t *data, size_t size)
{
    size_t sent = 0;
    for (unsigned turns = 0; sent < size && turns < 1000; turns++) {
        ssize_t n = send(fd, data + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return false;
        sent += n > 0 ? (size_t)n : 0;
        turn(context, fd);
    }
    return sent == size;
}

void fuzz_serve(const uint8_t *data, size_t size, size_t step, bool is_proxy)
{
    struct context *context = fuzz_context();
    struct http_server *server = server_for(context);
    struct ip ip;
    int pair[2];
    FUZZ_EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    FUZZ_EXPECT(ip_parse(&ip, is_proxy ? "192.0.2.1" : "198.51.100.1", is_proxy ? 9 : 12) == 0);
    FUZZ_EXPECT(peers_add(&peers, pair[0], &ip, false) == 0);
    http_server_add_connection(server, pair[0], &site);
    turn(context, pair[1]);
    for (size_t at = 0; at < size; at += step)
        if (!send_all(context, pair[1], data + at, size - at < step ? size - at : step))
            break;
    shutdown(pair[1], SHUT_WR);
    for (int i = 0; i < 4; i++)
        turn(context, pair[1]);
    close(pair[1]);
    const struct http_edge *edge = http_server_edge(server);
    for (unsigned turns = 0; turns < TURNS_MAX && (edge->connections_n || edge->exchanges_n); turns++)
        uv_run(context->loop, UV_RUN_NOWAIT);
    FUZZ_EXPECT(edge->connections_n == 0 && edge->exchanges_n == 0 && edge->buffered == 0);
}
