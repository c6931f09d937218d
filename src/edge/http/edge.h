/* SPDX-License-Identifier: MIT
 *
 * What the parts of our own edge share, and how they lie on each other, from the top:
 *
 *   server.c       start, drain, stop; the end of a turn
 *   h1.c           carrier: HTTP/1.1 (with h1_request.c, h1_head.c and chunked.c, which read, h1_answer.c,
 *                  which writes)
 *   h2.c           carrier: an HTTP/2 session (with h2_guard.c, which bounds what a peer may ask of it,
 *                  h2_request.c and h2_answer.c, between its streams and exchanges, and h2_headers.c, which
 *                  checks what HTTP wants of headers, with text.c as h1_head.c does)
 *   protocols.c    the table of protocols: grpc.c, grpc_web.c, connect.c with framing.c, inflate.c, timeout.c
 *   exchange.c     one request with its answer: exchange_begin.c (what is asked for), exchange_body.c (its
 *                  messages), exchange_call.c (as the call's transport), exchange_answer.c (what is said)
 *   connection.c   a socket: its beginning, budget and end (with connection_read.c, _write.c and _time.c)
 *   tls.c          what lies between, on https:// (with tls_server.c, which reads certificates and keys, and
 *                  connection_handshake.c, which lends it to threads where a key is slow to sign with)
 *   pressure.c     all connections together: who is not read, refused or closed where they keep too much
 *
 * A byte's way in, each line calling the next:
 *
 *   on_readable, connection_read.c     recv() once a turn, into edge->in; who has nothing under way first,
 *                                      and as many as there is time for (base/poller.h)
 *   tls_receive, tls.c                 where TLS is between: deciphered into edge->plain
 *   carrier->on_bytes, h1.c or h2.c    parsed; where a head is whole there is an exchange
 *   exchange_begin                     a page answers it, or a protocol is found by its content type
 *   exchange_receive                   body is borrowed where it lies; what has to wait is copied
 *   exchange_received                  the protocol finds the message in it, the codec makes protobuf of that
 *   call_start, src/call               decodes and checks; then the handler
 *
 * And out:
 *
 *   reply, end, exchange_call.c        codec, then protocol: head, body and trailers of the exchange
 *   exchange_say                       the carrier is told; the connection is on edge->dirty
 *   end_turn, server.c                 at the end of the turn, for each that is and there is time for
 *   connection_flush, connection_write.c    the carrier fills edge->out (through TLS: connection->out), which
 *                                      is sent at once; what the socket does not take is kept and charged
 *
 * Everything here runs on the loop's thread, but for what connection_handshake.c says.
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

#define READ_LEN   ((size_t)16384) /* what one connection may have parsed in a turn: some 300 small calls */
#define READ_HELD  ((size_t)4096)  /* while calls are held back */
#define WRITE_ROOM ((size_t)65536) /* what it writes */
#define WRITE_LEN                                                                                            \
    (WRITE_ROOM + 2 * (16384 + 64)) /* two frames may go over that: a body's, and what follows */

struct http_limits {
    size_t max_message_bytes;
    unsigned max_concurrent_streams;
    unsigned idle_timeout_ms;       /* 0: never */
    unsigned max_connection_age_ms; /* 0: never */
    unsigned keepalive_ms;          /* 0: never */
    unsigned request_timeout_ms;
    size_t max_buffered_bytes;
    unsigned connections_max; /* the oldest gives way to one more; 0: they are the listener's matter */
    const struct network_list *proxy_protocol_from;
};

/* A page: what a route answers in place of a call. */
struct http_page {
    const char *path; /* without a query; NULL ends an array of them */
    const char *verb; /* "GET", which serves HEAD too */
    /* Answers by exchange_answer() before it returns. Bodies of requests are not read. */
    void (*answer)(struct exchange *exchange, const void *data);
    const void *data;
    bool is_health; /* answered by a server that is full, too */
};

/* What is served on a listener. */
struct http_site {
    const struct http_page *pages; /* NULL: none */
    bool has_calls;
    bool has_tls;
    /* Asked of each request first; NULL: all are welcome. False: it has been answered. It may add fields to
     * the head of whatever will be answered. */
    bool (*admits)(struct exchange *exchange, const void *data);
    const void *data;
};

/* How a message is written. NULL functions: as protobuf, the way calls take it. */
struct http_codec {
    const char *name; /* "proto", "json" */
    /* Appends the message as protobuf to `out`, at most max bytes. UV_EINVAL with a text in `error`,
     * UV_EMSGSIZE, UV_ENOMEM. */
    int (*decode)(const struct rpc_method *method, const uint8_t *text, size_t len, struct bytes *out,
                  size_t max, char *error, size_t error_size);
    int (*encode)(const struct rpc_method *method, const uint8_t *message, size_t len, struct bytes *out);
};

/* What pages of other origins may (cors.c). */
struct http_cors {
    /* The request is a page's, of an origin that may not call: it is not to be run. Otherwise notes whose it
     * is, for add_fields. */
    bool (*is_refused)(struct exchange *exchange);
    /* Answers a preflight; false: it is none. */
    bool (*answer_preflight)(struct exchange *exchange);
    /* Adds to the head of an answer what lets that page read it. */
    void (*add_fields)(struct exchange *exchange);
};

/* Of what all connections keep together; see pressure.c. */
enum pressure { PRESSURE_CALM, PRESSURE_TIGHT, PRESSURE_FULL, PRESSURE_OVER };

struct http_edge {
    uv_loop_t *loop;
    struct timers *timers;
    struct poller poller; /* of the connections' sockets */
    struct context *context;
    struct peers *peers;
    struct http_limits limits;
    struct method_table methods;
    const struct http_protocol *const *protocols; /* NULL ends each of these */
    const struct http_codec *const *codecs;
    const struct http_carrier *const *carriers;
    const struct http_cors *cors;

    TAILQ_HEAD(connection_list, http_connection) connections; /* all, the oldest first */
    TAILQ_HEAD(dirty_list, http_connection) dirty;            /* with something to write, or to end */
    TAILQ_HEAD(, http_connection) gone;                       /* closed in this turn */
    TAILQ_HEAD(, http_connection) shaking;                    /* whose handshakes go on in the next one */
    TAILQ_HEAD(later_list, exchange) later;                   /* whose stream goes on in the next turn */
    TAILQ_HEAD(, exchange) touched;                           /* by what is being read, and not whole */
    TAILQ_HEAD(, exchange) free;
    unsigned free_n;
    unsigned connections_n;
    unsigned exchanges_n; /* requests whose answer has not been written, or whose call is not over */
    unsigned held_n;      /* of them, calls that are held back */
    size_t buffered;      /* bytes of all connections */
    uint64_t closed[REASONS_N];
    bool is_draining;
    enum pressure pressure;         /* of what all connections keep */
    struct timer press;             /* looks at who stands still, meanwhile */
    struct http_connection *reader; /* who is read although it is FULL; or NULL */
    struct bytes spare;             /* for what a connection has to send, while none uses it */
    struct bytes inflated;          /* a message that came compressed, until its call has it */
    struct bytes decoded, encoded;  /* a message between its codec and its call */
    struct tls_server *tls;         /* NULL: no listener wants it */
    uint64_t handshakes_ns;         /* that they have taken in this turn */
    unsigned handshakes_away_n;     /* that are on threads */
    /* READ_LEN, WRITE_LEN, READ_LEN: one for all, nobody keeps a pointer into them. What is read lies in
     * `in`, or where TLS is between in `plain`. */
    uint8_t *in, *out, *plain;
};

#endif
