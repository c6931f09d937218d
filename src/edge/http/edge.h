/* SPDX-License-Identifier: MIT
 *
 * The HTTP edge: the types that its parts share, and a map of those parts, from the top layer down:
 *
 *   server.c       start, drain, stop; the end of a turn
 *   h1.c           carrier for HTTP/1.1; h1_request.c, h1_head.c and chunked.c read, h1_answer.c writes
 *   h2.c           carrier for HTTP/2; h2_guard.c limits what a peer may make nghttp2 do, h2_headers.c checks
 *                  header fields (with text.c, as h1_head.c does), h2_request.c and h2_answer.c map streams
 *                  to exchanges
 *   protocols.c    the table of protocols: grpc.c, grpc_web.c, connect.c with framing.c, inflate.c, timeout.c
 *   exchange.c     one request and its answer: exchange_begin.c routes it, exchange_body.c finds the messages
 *                  in its body, exchange_call.c is the transport of its call, exchange_answer.c collects the
 *                  answer, exchange_run.c saves memory while the request is incomplete
 *   connection.c   a socket: how it opens, what it may buffer, how it closes (with connection_read.c,
 *                  connection_write.c and connection_time.c)
 *   tls.c          TLS between carrier and socket on https:// (with tls_files.c, which reads certificate
 *                  and key, tls_server.c, which notices new ones, and connection_handshake.c, which moves
 *                  slow signatures to threads)
 *   pressure.c     backpressure over all connections: which are not read, refused or closed when they buffer
 *                  too much together
 *
 * How a byte comes in; each line calls the next:
 *
 *   on_readable, connection_read.c     one recv() per connection and turn of the loop, into edge->in;
 *                                      connections with nothing in flight first, as many as the turn has time
 *                                      for (base/poller.h)
 *   tls_receive, tls.c                 on https://: decrypted into edge->plain, as much as may be parsed in a
 *                                      turn; TLS keeps the rest for the next ones
 *   carrier->on_bytes, h1.c or h2.c    parsed; complete headers make an exchange
 *   exchange_begin                     routed: a page answers it, or its content type selects a protocol
 *   exchange_receive                   the body, used where it lies in the read buffer; copied only if it has
 *                                      to wait
 *   exchange_received                  the protocol takes the message out of the body, the codec turns it
 *                                      into protobuf
 *   call_start, src/call               decodes and checks the message and runs the handler
 *
 * How an answer goes out:
 *
 *   reply, end, exchange_call.c        codec, then protocol, fill the exchange's head, body and trailers
 *   exchange_say                       tells the carrier, and puts the connection on edge->dirty
 *   end_turn, server.c                 at the end of the turn, for each dirty connection while there is time
 *   connection_flush, connection_write.c    the carrier fills edge->out (with TLS: connection->out), which
 *                                      is sent at once; what the socket does not accept is kept, and counts
 *                                      against the connection's budget
 *
 * All of it runs on the loop's thread, except for the handshakes that connection_handshake.c describes.
 */
#ifndef EDGE_HTTP_EDGE_H
#define EDGE_HTTP_EDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/poller.h"
#include "base/timers.h"
#include "call/context.h"
#include "edge/http/method_table.h"
#include "edge/http/reason.h"
#include "edge/peers.h"

struct http_carrier;
struct http_connection;
struct http_protocol;
struct exchange;
struct tls_server;

#define READ_LEN   ((size_t)16384) /* bytes parsed per connection and turn: some 300 small calls */
#define READ_HELD  ((size_t)4096)  /* the same, while the connection has calls that are held back */
#define WRITE_ROOM ((size_t)65536) /* bytes that a carrier is asked for per turn */
#define WRITE_LEN                                                                                            \
    (WRITE_ROOM + 2 * (16384 + 64)) /* the last DATA frame and the one after it may exceed WRITE_ROOM */

struct http_limits {
    size_t max_message_bytes;
    unsigned max_concurrent_streams;
    unsigned idle_timeout_ms;       /* 0: never */
    unsigned max_connection_age_ms; /* 0: never */
    unsigned keepalive_ms;          /* 0: never */
    unsigned request_timeout_ms;
    size_t max_buffered_bytes;
    unsigned connections_max; /* one more closes the oldest; 0: the listener limits them */
    const struct network_list *proxy_protocol_from;
};

/* A route that is answered by a function of ours instead of a call. */
struct http_page {
    const char *path; /* without a query; NULL ends an array of them */
    const char *verb; /* "GET", which serves HEAD too */
    /* Has called exchange_answer() when it returns. The request's body is ignored. */
    void (*answer)(struct exchange *exchange, const void *data);
    const void *data;
    bool is_health; /* answered even when server.max_connections are open */
};

/* What is served on a listener. */
struct http_site {
    const struct http_page *pages; /* NULL: none */
    bool has_calls;
    bool has_tls;
    /* Called first for each request. False: it has refused the request and answered it. It may add header
     * fields to any answer. NULL: every request is admitted. */
    bool (*admits)(struct exchange *exchange, const void *data);
    const void *data;
};

/* How messages are encoded. NULL functions: they are protobuf already, as calls take them. */
struct http_codec {
    const char *name; /* "proto", "json" */
    /* Appends the message as protobuf to `out`, at most max bytes. 0, UV_EINVAL with a text in `error`,
     * UV_EMSGSIZE or UV_ENOMEM. */
    int (*decode)(const struct rpc_method *method, const uint8_t *text, size_t len, struct bytes *out,
                  size_t max, char *error, size_t error_size);
    int (*encode)(const struct rpc_method *method, const uint8_t *message, size_t len, struct bytes *out);
};

/* Cross-origin requests of browsers (cors.c). */
struct http_cors {
    /* Whether the request's origin is not allowed, so that it must not run. If it is allowed, the origin is
     * noted for add_fields. */
    bool (*is_refused)(struct exchange *exchange);
    /* Answers a preflight request; false: it is not one. */
    bool (*answer_preflight)(struct exchange *exchange);
    /* Adds the fields that let a page of that origin read the answer. */
    void (*add_fields)(struct exchange *exchange);
};

/* How full server.max_buffered_bytes is, over all connections; see pressure.c. */
enum pressure { PRESSURE_CALM, PRESSURE_TIGHT, PRESSURE_FULL, PRESSURE_OVER };

struct http_edge {
    uv_loop_t *loop;
    struct timers *timers;
    struct poller poller; /* watches the connections' sockets */
    struct context *context;
    struct peers *peers;
    struct http_limits limits;
    struct method_table methods;
    const struct http_protocol *const *protocols; /* each of these arrays ends with NULL */
    const struct http_codec *const *codecs;
    const struct http_carrier *const *carriers;
    const struct http_cors *cors;

    TAILQ_HEAD(connection_list, http_connection) connections; /* all, the oldest first */
    TAILQ_HEAD(dirty_list, http_connection) dirty;            /* with something to write, or to end */
    TAILQ_HEAD(, http_connection) gone;    /* closed in this turn, to be freed at its end */
    TAILQ_HEAD(, http_connection) shaking; /* TLS handshakes to continue in the next turn */
    /* Whose TLS has kept plain text that is to be parsed from the next turn on. */
    TAILQ_HEAD(resuming_list, http_connection) resuming;
    TAILQ_HEAD(later_list, exchange) later; /* streams to continue in the next turn */
    TAILQ_HEAD(, exchange) touched;         /* incomplete, and got bytes by this read */
    TAILQ_HEAD(, exchange) free;
    unsigned free_n;
    SLIST_HEAD(, exchange_run) runs; /* of parked exchanges, for reuse */
    unsigned runs_n;
    unsigned connections_n;
    unsigned exchanges_n; /* requests whose answer has not been written, or whose call is not over */
    unsigned held_n;      /* of them, those whose call is held back until there is room for it */
    size_t buffered;      /* bytes kept for all connections together */
    unsigned users_n;     /* connections for which any are kept */
    uint64_t closed[REASONS_N];
    bool is_draining;
    enum pressure pressure; /* follows from `buffered` */
    struct timer press;     /* runs while it is not CALM: finds connections that make no progress */
    /* The one connection over its share that is read from FULL on; or NULL. OVER: looks since it
     * began, and whether a reader has been searched for in vain since the last one. */
    struct http_connection *reader;
    unsigned over_looks;
    bool waits, has_searched;
    struct bytes spare;            /* a send buffer to borrow; empty while a connection has it */
    struct bytes inflated;         /* a decompressed message, until its call has decoded it */
    struct bytes decoded, encoded; /* a message between its codec and its call */
    struct tls_server *tls;        /* NULL: there is no https:// listener */
    uint64_t handshakes_ns;        /* time spent on handshakes in this turn */
    unsigned handshakes_away_n;    /* handshakes on threads at the moment */
    /* Of READ_LEN, WRITE_LEN and READ_LEN bytes, shared by all connections: no pointer into them outlives the
     * turn. What recv() reads lies in `in`; decrypted, in `plain`. */
    uint8_t *in, *out, *plain;
};

#endif
