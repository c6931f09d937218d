/* SPDX-License-Identifier: MIT
 *
 * TLS by OpenSSL, as a filter of bytes: it knows neither sockets nor connections. What a server shows is
 * tls_server.h's.
 *
 * Loop thread only, but for tls_shake.
 */
#ifndef EDGE_HTTP_TLS_H
#define EDGE_HTTP_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "edge/http/tls_server.h"

struct tls;

/* A new connection's. What is to be sent is appended to `out`. NULL: no memory. */
struct tls *tls_create(struct tls_server *server, struct bytes *out);
void tls_destroy(struct tls *tls);

enum tls_rc { TLS_OK, TLS_CLOSED, TLS_FAILED };

/* Takes what came from the peer. `on_plain` is called for what it says, in pieces of at most `room` bytes
 * that are written into `plain`, and may end the connection by returning false. */
enum tls_rc tls_receive(struct tls *tls, const uint8_t *bytes, size_t len, uint8_t *plain, size_t room,
                        bool (*on_plain)(void *data, uint8_t *plain, size_t len), void *data);
/* Its handshake may take long: its steps before it is open are for tls_shake, and who the client is is asked
 * by the tls_receive after them. */
bool tls_is_slow(const struct tls *tls);
/* A step of the handshake, on any thread while no other has to do with `tls`. What is to be sent is appended
 * to `out`, and to nothing else; *left: so many of the last bytes were not taken. */
enum tls_rc tls_shake(struct tls *tls, const uint8_t *bytes, size_t len, size_t *left, struct bytes *out);
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
