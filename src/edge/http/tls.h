/* SPDX-License-Identifier: MIT
 *
 * TLS by OpenSSL as a filter of bytes, between connection_read.c and connection_write.c and the carrier: it
 * knows neither sockets nor connections. Certificates and keys are in tls_server.h.
 *
 * Loop thread only, except tls_shake.
 */
#ifndef EDGE_HTTP_TLS_H
#define EDGE_HTTP_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "edge/http/tls_server.h"

struct tls;

/* For a new connection. What is to be sent is appended to `out`, which outlives it. NULL: no memory. */
struct tls *tls_create(struct tls_server *server, struct bytes *out);
void tls_destroy(struct tls *tls);

enum tls_rc { TLS_OK, TLS_CLOSED, TLS_FAILED };

/* Takes what came from the socket: goes on with the handshake, then decrypts. `on_plain` is called for each
 * piece of plain text, at most `room` bytes in `plain`. When it returns false the rest is kept: the next
 * call, without new bytes, goes on with it. */
enum tls_rc tls_receive(struct tls *tls, const uint8_t *bytes, size_t len, uint8_t *plain, size_t room,
                        bool (*on_plain)(void *data, uint8_t *plain, size_t len), void *data);
/* The bytes that are kept like that: plain text of a record that was decrypted, and records after it. */
size_t tls_kept_len(const struct tls *tls);
/* Its server's key is slow to sign with: until the handshake is done use tls_shake, on a thread, and not
 * tls_receive. The next tls_receive then checks the client's certificate. */
bool tls_is_slow(const struct tls *tls);
/* A step of the handshake, on any thread while no other uses `tls`. What is to be sent is appended to `out`
 * (this one only); *left: so many bytes at the end were not used. */
enum tls_rc tls_shake(struct tls *tls, const uint8_t *bytes, size_t len, size_t *left, struct bytes *out);
/* Encrypts, appending to the `out` of tls_create. 0 or UV_ENOMEM. */
int tls_send(struct tls *tls, const uint8_t *plain, size_t len);
/* Appends close_notify, which tells the peer that nothing follows. */
void tls_shut_down(struct tls *tls);

bool tls_is_open(const struct tls *tls); /* the handshake is done */
/* The protocol that ALPN has agreed on ("h2"), or "" for none; only after the handshake. */
void tls_alpn(const struct tls *tls, const char **name, size_t *len);
/* The names of the client's verified certificate: the one of tls.client_names that let it in, its DNS names,
 * its common name, some perhaps twice. Each ends with NUL, an empty one ends the list. They live as long as
 * `tls`. NULL: the client has shown no certificate, or the handshake is not done. */
const char *tls_client_names(const struct tls *tls);
/* Why TLS_FAILED was returned, constant. */
const char *tls_failure(const struct tls *tls);

#endif
