/* SPDX-License-Identifier: MIT
 *
 * TLS by OpenSSL, as a filter of bytes: it knows neither sockets nor connections. What a server shows
 * (certificate, key, whom it trusts) is read anew when the files have changed; connections keep what they
 * began with.
 *
 * Loop thread only.
 */
#ifndef EDGE_HTTP_TLS_H
#define EDGE_HTTP_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct tls_server;
struct tls;

enum tls_client_auth { TLS_CLIENT_NONE, TLS_CLIENT_OPTIONAL, TLS_CLIENT_REQUIRED };

/* Texts are copied, but for alpn; "" is none. */
struct tls_options {
    const char *certificate, *private_key; /* files, PEM */
    enum tls_client_auth client_auth;
    const char *client_ca;
    const char *client_names; /* separated by commas; "": whoever is verified */
    const char *ticket_keys;
    const uint8_t *alpn; /* what is spoken, best first, each with its length before it */
    size_t alpn_len;
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
/* Lets pass that nothing was prepared. */
void tls_server_take(struct tls_server *server);
/* The file that its certificate is from. */
const char *tls_server_certificate(const struct tls_server *server);
/* Seconds since 1970 at which the certificate expires. */
int64_t tls_server_expiry_s(const struct tls_server *server);
/* NULL is let pass. */
void tls_server_destroy(struct tls_server *server);

/* A new connection's. What is to be sent is appended to `out`. NULL: no memory. */
struct tls *tls_create(struct tls_server *server, struct bytes *out);
void tls_destroy(struct tls *tls);

enum tls_rc { TLS_OK, TLS_CLOSED, TLS_FAILED };

/* Takes what came from the peer. `on_plain` is called for what it says, in pieces of at most `room` bytes
 * that are written into `plain`, and may end the connection by returning false. */
enum tls_rc tls_receive(struct tls *tls, const uint8_t *bytes, size_t len, uint8_t *plain, size_t room,
                        bool (*on_plain)(void *data, uint8_t *plain, size_t len), void *data);
/* 0 or UV_ENOMEM. */
int tls_send(struct tls *tls, const uint8_t *plain, size_t len);
/* Says that nothing follows. */
void tls_shut_down(struct tls *tls);

bool tls_is_open(const struct tls *tls); /* the handshake is done */
/* "h2", or "" where none was agreed on; once it is open. */
void tls_alpn(const struct tls *tls, const char **name, size_t *len);
/* The names of the client's certificate, which is verified: that of tls.client_names by which it may come,
 * DNS names, the common name, some perhaps twice; each ended by NUL, the last followed by an empty one. They
 * live as long as `tls`. NULL: the client has shown none, or the handshake is not done. */
const char *tls_client_names(const struct tls *tls);
/* What is wrong, constant. */
const char *tls_failure(const struct tls *tls);

#endif
