/* SPDX-License-Identifier: MIT */
#include "edge/http/tls_server.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "observe/log.h"

#define MISSED_TOLD 5

/* A look at the files, by a thread. */
struct tls_look {
    uv_work_t work;
    struct tls_server *server; /* NULL: nobody wants the result any more */
    struct stat before[TLS_FILES_N];
    struct tls_files *files; /* the thread's, until on_looked() */
    bool has_changed;
    int rc;
    unsigned missed; /* looks that could not begin because this one is under way */
};

struct tls_server {
    struct tls_files *used, *prepared;
    struct stat stats[TLS_FILES_N]; /* of the files as they were when last read, good or not */
    struct tls_look *look;          /* NULL: none is under way */
};

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                   unsigned in_len, void *alpn)
{
    (void)ssl;
    int rc = SSL_select_next_proto((unsigned char **)out, out_len, alpn, (unsigned)strlen(alpn), in, in_len);
    return rc == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Served nevertheless: the clock may be wrong, or the clients may not care. */
static void warn_of_time(const struct tls_files *files)
{
    const X509 *certificate = SSL_CTX_get0_certificate(files->context);
    const char *wrong_time = X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0
                                 ? "tls.certificate has expired, so clients refuse it"
                             : X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0
                                 ? "tls.certificate is not valid yet, so clients refuse it"
                                 : NULL;
    if (wrong_time)
        log_warn(wrong_time, log_str("file", files->options.certificate));
}

static void warn_of_slowness(const struct tls_files *files)
{
    if (files->slow_signature_ns > 0)
        log_warn("a signature by tls.private_key takes long, so threads sign, and new connections wait for "
                 "each other; a key of ECDSA P-256, or of RSA with 2048 bits, needs neither",
                 log_str("file", files->options.private_key),
                 log_int("us", (int64_t)(files->slow_signature_ns / 1000)));
}

void tls_server_warn(const struct tls_files *files)
{
    warn_of_slowness(files);
    warn_of_time(files);
}

/* ---- taking what was read ---- */

static void use(struct tls_server *server, struct tls_files *files)
{
    if (server->used) /* not at the start, where it is expected */
        log_info("TLS certificate read", log_str("file", files->options.certificate));
    tls_files_destroy(server->used);
    server->used = files;
    memcpy(server->stats, files->stats, sizeof server->stats);
    SSL_CTX_set_alpn_select_cb(files->context, on_alpn, (void *)files->options.alpn);
    tls_server_warn(files);
}

/* The thread goes on, for it may hang; what it finds is not used. */
static void forget_look(struct tls_server *server)
{
    if (server->look)
        server->look->server = NULL;
    server->look = NULL;
}

void tls_server_prepare(struct tls_server *server, struct tls_files *files)
{
    tls_files_destroy(server->prepared);
    server->prepared = files;
}

void tls_server_take(struct tls_server *server)
{
    if (!server->prepared)
        return;
    forget_look(server);
    use(server, server->prepared);
    server->prepared = NULL;
}

/* ---- looking whether they have changed ---- */

static void look_at_files(uv_work_t *work)
{
    struct tls_look *look = work->data;
    look->has_changed = tls_files_differ(look->files, look->before);
    look->rc = look->has_changed ? tls_files_read(look->files) : 0;
}

/* Files that are no good are not read again until they have changed once more; those that could not be read
 * for want of memory or descriptors are. */
static void take_look(struct tls_server *server, struct tls_look *look)
{
    server->look = NULL;
    if (!look->has_changed)
        return;
    if (look->rc) {
        if (look->rc == UV_EINVAL)
            memcpy(server->stats, look->files->stats, sizeof server->stats);
        log_error("the TLS certificate that was there before stays in use");
        return;
    }
    use(server, look->files);
    look->files = NULL;
}

static void on_looked(uv_work_t *work, int status)
{
    struct tls_look *look = work->data;
    (void)status; /* none is cancelled */
    if (look->server)
        take_look(look->server, look);
    tls_files_destroy(look->files);
    free(look);
}

void tls_server_look(struct tls_server *server, uv_loop_t *loop)
{
    if (server->look) {
        if (++server->look->missed == MISSED_TOLD)
            log_warn("the TLS files cannot be read, because one of them hangs; the certificate in use stays",
                     log_str("file", server->used->options.certificate));
        return;
    }
    struct tls_look *look = calloc(1, sizeof *look);
    if (!look || tls_files_create(&look->files, &server->used->options)) {
        free(look);
        return;
    }
    look->work.data = look;
    look->server = server;
    memcpy(look->before, server->stats, sizeof look->before);
    if (uv_queue_work(loop, &look->work, look_at_files, on_looked)) {
        tls_files_destroy(look->files);
        free(look);
        return;
    }
    server->look = look;
}

/* ---- the server ---- */

int tls_server_create(struct tls_server **out, struct tls_files *files)
{
    struct tls_server *server = calloc(1, sizeof *server);
    if (!server) {
        tls_files_destroy(files);
        return UV_ENOMEM;
    }
    use(server, files);
    *out = server;
    return 0;
}

bool tls_server_is_slow(const struct tls_server *server)
{
    return server->used->slow_signature_ns > 0;
}

int64_t tls_server_expiry_s(const struct tls_server *server)
{
    struct tm tm;
    const X509 *certificate = SSL_CTX_get0_certificate(server->used->context);
    return certificate && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) ? timegm(&tm) : 0;
}

void tls_server_destroy(struct tls_server *server)
{
    if (!server)
        return;
    forget_look(server);
    tls_files_destroy(server->prepared);
    tls_files_destroy(server->used);
    free(server);
}

SSL_CTX *tls_server_context(const struct tls_server *server)
{
    return server->used->context;
}

const struct tls_options *tls_server_options(const struct tls_server *server)
{
    return &server->used->options;
}
