/* SPDX-License-Identifier: MIT
 *
 * OpenSSL reads and writes through one BIO of ours: it reads from the bytes that the socket brought, and
 * appends to those that the connection has yet to send, so that nothing is copied twice.
 */
#include "edge/http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "edge/http/tls_names.h"

struct tls {
    const struct tls_server *server;
    SSL *ssl;
    const uint8_t *in;
    size_t in_len;
    struct bytes rest; /* encrypted bytes that came and are kept for the next tls_receive */
    struct bytes *out;
    const char *failure;
    struct bytes client_names;
    bool is_slow;    /* the server's key was slow to sign with when the connection was accepted */
    bool is_welcome; /* the handshake is done, and the client's certificate is one that may connect */
};

/* ---- between OpenSSL and our buffers ---- */

static BIO_METHOD *method;

static int on_bio_read(BIO *bio, char *bytes, int len)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (tls->in_len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t n = tls->in_len < (size_t)len ? tls->in_len : (size_t)len;
    memcpy(bytes, tls->in, n);
    tls->in += n;
    tls->in_len -= n;
    return (int)n;
}

static int on_bio_write(BIO *bio, const char *bytes, int len)
{
    struct tls *tls = BIO_get_data(bio);
    if (bytes_reserve(tls->out, (size_t)len))
        return -1;
    bytes_put(tls->out, bytes, (size_t)len);
    return len;
}

static long on_bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static int on_bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static int make_method(void)
{
    if (method)
        return 0;
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "svcd");
    if (!method)
        return UV_ENOMEM;
    BIO_meth_set_read(method, on_bio_read);
    BIO_meth_set_write(method, on_bio_write);
    BIO_meth_set_ctrl(method, on_bio_control);
    BIO_meth_set_create(method, on_bio_create);
    return 0;
}

/* ---- who the client is ---- */

/* Also checked when a session is resumed: the list may have changed since, or the certificate expired. */
static bool may_come(struct tls *tls)
{
    const struct tls_options *options = tls_server_options(tls->server);
    if (options->client_auth == TLS_CLIENT_NONE)
        return true;
    X509 *certificate = SSL_get1_peer_certificate(tls->ssl);
    if (!certificate)
        return options->client_auth == TLS_CLIENT_OPTIONAL;
    bool is_valid = X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
    bool may = is_valid && (!*options->client_names ||
                            tls_names_add_listed(&tls->client_names, certificate, options->client_names));
    if (may)
        tls_names_add(&tls->client_names, certificate);
    X509_free(certificate);
    if (bytes_reserve(&tls->client_names, 1)) /* the empty name that ends the list */
        return false;
    bytes_put(&tls->client_names, "", 1);
    return may;
}

/* ---- a connection ---- */

struct tls *tls_create(struct tls_server *server, struct bytes *out)
{
    if (make_method())
        return NULL;
    struct tls *tls = calloc(1, sizeof *tls);
    SSL *ssl = SSL_new(tls_server_context(server));
    BIO *bio = BIO_new(method);
    if (!tls || !ssl || !bio) {
        free(tls);
        SSL_free(ssl);
        BIO_free(bio);
        return NULL;
    }
    *tls = (struct tls){ .server = server, .ssl = ssl, .out = out, .is_slow = tls_server_is_slow(server) };
    BIO_set_data(bio, tls);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    return tls;
}

void tls_destroy(struct tls *tls)
{
    if (!tls)
        return;
    SSL_free(tls->ssl);
    bytes_finish(&tls->client_names);
    bytes_finish(&tls->rest);
    free(tls);
}

/* Why SSL_do_handshake or SSL_read did not succeed. */
static enum tls_rc why_not(struct tls *tls, int rc)
{
    switch (SSL_get_error(tls->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return TLS_OK;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    default:
        tls->failure = ERR_reason_error_string(ERR_peek_last_error());
        ERR_clear_error();
        return TLS_FAILED;
    }
}

static enum tls_rc shake_hands(struct tls *tls)
{
    int rc = SSL_do_handshake(tls->ssl);
    if (rc != 1)
        return why_not(tls, rc);
    tls->is_welcome = may_come(tls);
    if (tls->is_welcome)
        return TLS_OK;
    tls->failure = "the client's certificate has expired, or has none of tls.client_names";
    return TLS_FAILED;
}

static enum tls_rc decrypt(struct tls *tls, uint8_t *plain, size_t room,
                           bool (*on_plain)(void *data, uint8_t *plain, size_t len), void *data)
{
    ERR_clear_error();
    if (!tls->is_welcome) {
        enum tls_rc rc = shake_hands(tls);
        if (!tls->is_welcome)
            return rc;
    }
    for (;;) {
        int n = SSL_read(tls->ssl, plain, (int)room);
        if (n <= 0)
            return why_not(tls, n);
        if (!on_plain(data, plain, (size_t)n))
            return TLS_OK;
    }
}

/* `in` lies in a buffer of the caller, or is the end of `rest` itself. */
static enum tls_rc keep_rest(struct tls *tls)
{
    struct bytes *rest = &tls->rest;
    if (tls->in_len == 0) {
        bytes_finish(rest);
        return TLS_OK;
    }
    if (rest->len == 0 && bytes_reserve(rest, tls->in_len)) {
        tls->failure = "out of memory";
        return TLS_FAILED;
    }
    memmove(rest->data, tls->in, tls->in_len);
    rest->len = tls->in_len;
    return TLS_OK;
}

enum tls_rc tls_receive(struct tls *tls, const uint8_t *bytes, size_t len, uint8_t *plain, size_t room,
                        bool (*on_plain)(void *data, uint8_t *plain, size_t len), void *data)
{
    tls->in = tls->rest.len ? tls->rest.data : bytes;
    tls->in_len = tls->rest.len ? tls->rest.len : len;
    enum tls_rc rc = decrypt(tls, plain, room, on_plain, data);
    return rc == TLS_OK ? keep_rest(tls) : rc;
}

size_t tls_kept_len(const struct tls *tls)
{
    return tls->rest.len + (size_t)SSL_pending(tls->ssl);
}

bool tls_is_slow(const struct tls *tls)
{
    return tls->is_slow;
}

/* OPENSSL_thread_stop: the thread is libuv's and ends only at exit, when OpenSSL could no longer free what it
 * keeps for it. */
enum tls_rc tls_shake(struct tls *tls, const uint8_t *bytes, size_t len, size_t *left, struct bytes *out)
{
    struct bytes *own = tls->out;
    tls->in = bytes;
    tls->in_len = len;
    tls->out = out;
    ERR_clear_error();
    int rc = SSL_do_handshake(tls->ssl);
    enum tls_rc why = rc == 1 ? TLS_OK : why_not(tls, rc);
    *left = tls->in_len;
    tls->out = own;
    OPENSSL_thread_stop();
    return why;
}

int tls_send(struct tls *tls, const uint8_t *plain, size_t len)
{
    ERR_clear_error();
    return len == 0 || SSL_write(tls->ssl, plain, (int)len) == (int)len ? 0 : UV_ENOMEM;
}

void tls_shut_down(struct tls *tls)
{
    ERR_clear_error();
    if (tls_is_open(tls))
        SSL_shutdown(tls->ssl);
    ERR_clear_error();
}

bool tls_is_open(const struct tls *tls)
{
    return SSL_is_init_finished(tls->ssl);
}

void tls_alpn(const struct tls *tls, const char **name, size_t *len)
{
    const unsigned char *bytes;
    unsigned bytes_len;
    SSL_get0_alpn_selected(tls->ssl, &bytes, &bytes_len);
    *name = bytes_len ? (const char *)bytes : "";
    *len = bytes_len;
}

const char *tls_client_names(const struct tls *tls)
{
    return tls->client_names.len ? (const char *)tls->client_names.data : NULL;
}

const char *tls_failure(const struct tls *tls)
{
    return tls->failure;
}
