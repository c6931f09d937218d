/* SPDX-License-Identifier: MIT
 *
 * A server's side of TLS: which reading of its files (tls_files.h) is in use. They are read again when they
 * have changed, by a thread of libuv's pool; connections keep what they began with.
 *
 * Loop thread only. Callbacks of OpenSSL run on the thread of the handshake and touch nothing of it.
 */
#ifndef EDGE_HTTP_TLS_SERVER_H
#define EDGE_HTTP_TLS_SERVER_H

#include <uv.h>

#include "edge/http/tls_files.h"

struct tls_server;

/* With files that were read and are good, which are the server's whatever happens. 0 or UV_ENOMEM. Ends with
 * tls_server_destroy. */
int tls_server_create(struct tls_server **server, struct tls_files *files);
/* Logs what clients may not like about good files, as each function that uses them does. */
void tls_server_warn(const struct tls_files *files);
/* Has a thread look whether the files have changed, and read them if so; nothing if one is still at it. If
 * they are no good that is logged, and the former ones stay in use. */
void tls_server_look(struct tls_server *server, uv_loop_t *loop);
/* Keeps files that were read and are good, which are the server's from now on, to be used after
 * tls_server_take(). They replace what was prepared and not taken. */
void tls_server_prepare(struct tls_server *server, struct tls_files *files);
/* Uses what was prepared for new connections, and logs it. If nothing was prepared does nothing. */
void tls_server_take(struct tls_server *server);
/* Its key takes too long to sign with on the loop: threads do it (connection_handshake.c). */
bool tls_server_is_slow(const struct tls_server *server);
/* Seconds since 1970 at which the certificate expires. */
int64_t tls_server_expiry_s(const struct tls_server *server);
/* NULL is allowed. */
void tls_server_destroy(struct tls_server *server);

/* ---- for tls.c: both are valid until the next reload ---- */

struct ssl_ctx_st *tls_server_context(const struct tls_server *server);
const struct tls_options *tls_server_options(const struct tls_server *server);

#endif
