/* SPDX-License-Identifier: MIT
 *
 * A carrier is the framing of a connection: HTTP/2 or HTTP/1.1. It turns the bytes that come in into
 * exchanges, and writes their answers into the connection's buffer. It knows neither protocols nor calls.
 */
#ifndef EDGE_HTTP_CARRIER_H
#define EDGE_HTTP_CARRIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct http_connection;
struct exchange;

enum recognised { IS_NOT, IS_PERHAPS, IS };

struct http_carrier {
    const char *name;
    const char *alpn; /* its name in TLS's ALPN extension */
    /* Whether the first bytes of a connection are this carrier's. */
    enum recognised (*recognise)(const uint8_t *bytes, size_t len);
    /* Sets connection->session. 0 or UV_ENOMEM. */
    int (*open)(struct http_connection *connection);
    /* Parses; a violation of the framing is answered by connection_end(). `bytes` may be overwritten. */
    void (*on_bytes)(struct http_connection *connection, uint8_t *bytes, size_t len);
    /* The peer has closed its sending side, and may still read. True: an answer is outstanding, after which
     * the carrier ends the connection; false, or a NULL function: nothing is. */
    bool (*on_ended)(struct http_connection *connection);
    /* Writes what is ready to be sent, up to `room` bytes (the last frame may exceed it), and returns the
     * length; 0: nothing is ready. */
    size_t (*fill)(struct http_connection *connection, uint8_t *out, size_t room);
    /* Graceful shutdown (GOAWAY, or `connection: close`): no new exchanges, and connection_end() after the
     * last. Calling it again is harmless. */
    void (*leave)(struct http_connection *connection);
    /* Queues the last thing that the peer is sent: why the connection ends. */
    void (*say_end)(struct http_connection *connection);
    /* Asks the peer for a sign of life; anything it sends counts as one. NULL: the framing has no ping. */
    void (*ping)(struct http_connection *connection);
    /* Ends streams, or only those that wait for their peer; see exchange_end_streams(). */
    void (*end_streams)(struct http_connection *connection, bool only_idle);
    /* The connection is closed: calls exchange_gone() for each exchange and frees the session. */
    void (*close)(struct http_connection *connection);

    /* ---- about one exchange ---- */

    /* The exchange has more of its answer to send, or the end of it. */
    void (*answer)(struct exchange *exchange);
    /* `len` bytes of the request's body have been used: the flow-control window may grow by as many. */
    void (*consumed)(struct exchange *exchange, size_t len);
};

#endif
