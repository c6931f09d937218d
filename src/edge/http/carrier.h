/* SPDX-License-Identifier: MIT
 *
 * What brings bytes: an HTTP/2 session, an HTTP/1.1 connection. A carrier makes exchanges of what it reads,
 * and fills the connection's buffer with their answers. It knows neither protocols nor calls.
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
    const char *alpn; /* as TLS negotiates it */
    /* By the first bytes of a connection. */
    enum recognised (*recognise)(const uint8_t *bytes, size_t len);
    /* Sets connection->session. 0 or UV_ENOMEM. */
    int (*open)(struct http_connection *connection);
    /* Parses. Whatever is wrong ends in connection_end(). `bytes` may be written to. */
    void (*on_bytes)(struct http_connection *connection, uint8_t *bytes, size_t len);
    /* The peer sends nothing more, though it may still read. True: it is owed an answer, after which the
     * carrier ends the connection; false, or NULL: it has left. */
    bool (*on_ended)(struct http_connection *connection);
    /* Writes what there is to say, at most `room` bytes (but for one frame that is begun), and returns how
     * much; 0: nothing. */
    size_t (*fill)(struct http_connection *connection, uint8_t *out, size_t room);
    /* No new exchanges, gracefully: connection_end() when the last is over. A second time: let pass. */
    void (*leave)(struct http_connection *connection);
    /* Says that it is over to the peer, as the last thing that is written. */
    void (*say_end)(struct http_connection *connection);
    /* Asks for a sign of life, which is whatever the peer sends; NULL: it cannot. */
    void (*ping)(struct http_connection *connection);
    /* Ends exchanges that wait for nothing but their peer; see connection_end_streams(). */
    void (*end_streams)(struct http_connection *connection, bool only_idle);
    /* The connection is closed: exchanges are told so (exchange_gone), the session freed. */
    void (*close)(struct http_connection *connection);

    /* ---- of one exchange ---- */

    /* There is more of the answer to send, or its end. */
    void (*answer)(struct exchange *exchange);
    /* So many bytes of the request's body need not be kept any more: the peer may send as many again. */
    void (*consumed)(struct exchange *exchange, size_t len);
};

#endif
