/* SPDX-License-Identifier: MIT
 *
 * Our own HTTP edge, behind http://, https:// and unix: listeners, as the daemon uses it. edge.h tells how it
 * is made, and the way of a byte through it.
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
    struct peers *peers;   /* outlives the server */
    struct timers *timers; /* likewise */
    struct tls_files *tls; /* read and good, and the server's from now on; NULL: no site has TLS */
};

/* 0 or a UV_E* code, after which the process has to end. On success *server wants http_server_stop, then
 * http_server_destroy. */
int http_server_create(struct http_server **server, uv_loop_t *loop, struct context *context,
                       const struct http_server_options *options);

/* Hands over an accepted, non-blocking socket, which is the server's from now on, whatever happens. `site`
 * (what is served there) outlives the server. */
void http_server_add_connection(struct http_server *server, int fd, const struct http_site *site);

/* Closes an extra connection (edge/peers.h) for another one: one that has sent nothing, or else the oldest,
 * whatever it did, so that nobody can keep others from asking for health. False: all have just come. */
bool http_server_make_room(struct http_server *server);

/* Other TLS files, in two steps (changed files are noticed without being asked, too). Prepare: of files that
 * were read and are good, which are the server's whatever happens; 0, or UV_ENOMEM and nothing has changed.
 * Take, after that: new connections use what was prepared. */
int http_server_prepare_tls(struct http_server *server, struct tls_files *files);
void http_server_take_tls(struct http_server *server);

/* Sets other limits. Connections that are open keep their max_message_bytes, max_concurrent_streams and
 * max_connection_age_ms. */
void http_server_reconfigure(struct http_server *server, const struct http_limits *limits);

/* Closes gracefully the connections that were accepted at this local address. */
void http_server_leave(struct http_server *server, const struct sockaddr *address);
/* No new calls after those that are on their way: every connection is closed gracefully. */
void http_server_drain(struct http_server *server);
/* Requests that are not over, streams included. */
unsigned http_server_running(const struct http_server *server);
/* The drain is over: the last connection is closed. */
bool http_server_is_over(const struct http_server *server);
/* Closes every connection. */
void http_server_cancel(struct http_server *server);

/* Closes every connection and the server's handles. Calls that are cancelled by it may still have to come to
 * their end: next stop what they wait for, before the loop is run to its end. */
void http_server_stop(struct http_server *server);
/* Once the loop has closed the handles. NULL is allowed. */
void http_server_destroy(struct http_server *server);

/* For metrics: counts, and how many connections were closed for which reason. */
const struct http_edge *http_server_edge(const struct http_server *server);

#endif
