/* SPDX-License-Identifier: MIT
 *
 * What a server shows by TLS: certificate, key, whom it trusts, the keys of tickets. It is read anew when the
 * files have changed; connections keep what they began with.
 *
 * Loop thread only. What OpenSSL calls back, on whatever thread a handshake is, touches nothing of it.
 */
#ifndef EDGE_HTTP_TLS_SERVER_H
#define EDGE_HTTP_TLS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_server;
struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

enum tls_client_auth { TLS_CLIENT_NONE, TLS_CLIENT_OPTIONAL, TLS_CLIENT_REQUIRED };

/* Texts are copied, but for alpn; "" is none. */
struct tls_options {
    const char *certificate, *private_key; /* files, PEM */
    enum tls_client_auth client_auth;
    const char *client_ca;
    const char *client_names; /* separated by commas; "": whoever is verified */
    const char *ticket_keys;
    const char *alpn; /* what is spoken, best first, each with its length before it; constant */
};

/* Reads the files; UV_EINVAL or another UV_E* code, after an error was logged that names the file. */
int tls_server_create(struct tls_server **server, const struct tls_options *options);
/* Reads them again if they have changed. What is wrong with them is logged, and what was there before stays.
 */
void tls_server_look(struct tls_server *server);
/* Reads the files that other options name, in two steps: what is wrong with them is logged, and nothing has
 * changed (a UV_E* code); else they are shown once they are taken. What was prepared before and not taken
 * goes. */
int tls_server_prepare(struct tls_server *server, const struct tls_options *options);
/* A line says so, but for the first. Lets pass that nothing was prepared. */
void tls_server_take(struct tls_server *server);
/* Its key takes long to sign with: then that is not done on the loop (connection_handshake.c). */
bool tls_server_is_slow(const struct tls_server *server);
/* Seconds since 1970 at which the certificate expires. */
int64_t tls_server_expiry_s(const struct tls_server *server);
/* NULL is let pass. */
void tls_server_destroy(struct tls_server *server);

/* ---- for tls.c: both are valid until the next reload ---- */

struct ssl_ctx_st *tls_server_context(const struct tls_server *server);
const struct tls_options *tls_server_options(const struct tls_server *server);

#endif
