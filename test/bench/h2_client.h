/* SPDX-License-Identifier: MIT
 *
 * A small gRPC client on nghttp2: connections to one port of this machine, unary calls whose answers are not
 * looked at but for their status. One thread; whatever goes wrong here ends the process.
 */
#ifndef BENCH_H2_CLIENT_H
#define BENCH_H2_CLIENT_H

#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS          UINT64_C(1000000000)
#define REQUEST_MAX 4096

struct samples {
    uint32_t *us;
    size_t n, size;
};

struct path {
    const char *path;
    uint8_t request[REQUEST_MAX];
    size_t len;
    unsigned weight;
    uint64_t sent, given_up, codes[17], refused_streams, resets;
    struct samples ok, failed;
};

struct stream {
    struct path *path;
    uint64_t sent_ns;
    size_t taken;
    int status; /* gRPC's; -1: there was none */
    struct stream *next;
};

struct connection {
    nghttp2_session *session;
    int fd;
    unsigned active;
    bool is_over;
};

/* `error_code` is HTTP/2's, of the stream. */
typedef void(on_answered)(struct connection *connection, const struct stream *stream, uint32_t error_code);

void client_init(int port);
void client_on_answered(on_answered *answered);
void client_connect(struct connection *connection);
/* Queues a call; left_ns 0: without a deadline. */
void client_submit(struct connection *connection, struct path *path, uint64_t left_ns);
/* Sends what there is to send, waits for so long, receives what has come. `fds`: one for each, and as many
 * more of the caller's, whose events are set. */
void client_turn(struct connection *connections, struct pollfd *fds, unsigned n, unsigned more,
                 int timeout_ms);

uint64_t now_ns(void);
void samples_add(struct samples *samples, uint64_t ns);
_Noreturn void die(const char *what);

#endif
