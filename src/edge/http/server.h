/* SPDX-License-Identifier: MIT
 *
 * Our own edge, behind http://, https:// and unix: listeners: what the daemon uses of it. edge.h tells how
 * its parts lie on each other.
 *
 * Loop thread only.
 */
#ifndef EDGE_HTTP_SERVER_H
#define EDGE_HTTP_SERVER_H

#include "edge/http/edge.h"
#include "edge/http/tls.h"

struct http_server;

struct http_server_options {
    struct http_limits limits;
    struct peers *peers;           /* outlives the server */
    struct timers *timers;         /* likewise */
    const struct tls_options *tls; /* NULL: no site has it; `alpn` is the server's */
};

/* 0 or a UV_E* code; on success *server wants http_server_stop, then http_server_destroy. */
int http_server_create(struct http_server **server, uv_loop_t *loop, struct context *context,
                       const struct http_server_options *options);

/* Hands an accepted, non-blocking socket over; it is the server's from now on, whatever happens. `site` (what
 * is served there) outlives the server. */
void http_server_add_connection(struct http_server *server, int fd, const struct http_site *site);

/* Closes one of the connections that are extra (edge/peers.h), unless each has just come: first who says
 * nothing, then the oldest, whatever it did, so that nobody keeps others from asking for health. */
bool http_server_make_room(struct http_server *server);

/* Reads the files of TLS (again); without being asked that is done when they have changed. In two steps: what
 * is wrong with them has been logged, and nothing has changed (a UV_E* code); else new connections get what
 * they say once it is taken, which has to be prepared before. */
int http_server_prepare_tls(struct http_server *server, const struct tls_options *options);
void http_server_take_tls(struct http_server *server);

/* Other limits. */
void http_server_reconfigure(struct http_server *server, const struct http_limits *limits);

/* Closes gracefully the connections that came to this address of ours. */
void http_server_leave(struct http_server *server, const struct sockaddr *address);
/* No new calls after those that are on their way: every connection is closed gracefully. */
void http_server_drain(struct http_server *server);
/* Requests that are not over: streams among them. */
unsigned http_server_running(const struct http_server *server);
/* The drain is over: the last connection is closed. */
bool http_server_is_over(const struct http_server *server);
/* Closes every connection. */
void http_server_cancel(struct http_server *server);

/* Closes every connection and the server's handles. Calls whose peers have gone so may still come to their
 * end: stop those they wait for next, before the loop is run to its end. */
void http_server_stop(struct http_server *server);
/* Once the loop has closed the handles. NULL is let pass. */
void http_server_destroy(struct http_server *server);

/* For metrics: how things are, and how many connections were closed for which reason. */
const struct http_edge *http_server_edge(const struct http_server *server);

#endif
