/* SPDX-License-Identifier: MIT
 *
 * A server's side of TLS: certificate, private key, the authorities it trusts, ticket keys (an SSL_CTX of
 * OpenSSL's). The files are read again when they have changed; connections keep what they began with.
 *
 * Loop thread only. Callbacks of OpenSSL run on the thread of the handshake and touch nothing of it.
 */
#ifndef EDGE_HTTP_TLS_SERVER_H
#define EDGE_HTTP_TLS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_server;
struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

enum tls_client_auth { TLS_CLIENT_NONE, TLS_CLIENT_OPTIONAL, TLS_CLIENT_REQUIRED };

/* Texts are copied, except alpn; "": not set. */
struct tls_options {
    const char *certificate, *private_key; /* files, PEM */
    enum tls_client_auth client_auth;
    const char *client_ca;
    const char *client_names; /* separated by commas; "": any verified client */
    const char *ticket_keys;  /* a file of 80 random bytes; "": OpenSSL makes keys of its own */
    const char *alpn;         /* protocols spoken, best first, with a length byte before each; constant */
};

/* Reads the files. 0, or a UV_E* code (UV_EINVAL: a file is no good), after an error that names it was
 * logged. Ends with tls_server_destroy. */
int tls_server_create(struct tls_server **server, const struct tls_options *options);
/* Whether the files are good: 0, or a UV_E* code after an error was logged. With `warns` also logs what
 * tls_server_take() warns of. */
int tls_server_check(const struct tls_options *options, bool warns);
/* Reads the files again if they have changed. If they are no good that is logged, and the former ones stay in
 * use. */
void tls_server_look(struct tls_server *server);
/* Reads the files that other options name, to be used after tls_server_take(). 0, or a UV_E* code after an
 * error was logged; the present ones stay in use either way. Replaces what was prepared and not taken. */
int tls_server_prepare(struct tls_server *server, const struct tls_options *options);
/* Uses what was prepared for new connections, and logs it (not at the start). If nothing was prepared does
 * nothing. */
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
