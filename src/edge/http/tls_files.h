/* SPDX-License-Identifier: MIT
 *
 * One reading of the files of a server's side of TLS: certificate, private key, the authorities it trusts,
 * ticket keys; an SSL_CTX of OpenSSL's comes of it. Which reading is in use is tls_server.c's matter.
 *
 * Any thread, one at a time. What reads blocks as long as a file does (a FIFO, a network file system), so the
 * loop must not call it once svcd serves.
 */
#ifndef EDGE_HTTP_TLS_FILES_H
#define EDGE_HTTP_TLS_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define TLS_FILES_N 4

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

struct tls_files {
    struct tls_options options;
    struct ssl_ctx_st *context;     /* NULL: not read, or no good */
    uint64_t slow_signature_ns;     /* CPU time, if the key takes too long to sign with on the loop; else 0 */
    struct stat stats[TLS_FILES_N]; /* as the files were before they were read */
};

/* Reads nothing yet. 0, or UV_ENOMEM after an error was logged. Ends with tls_files_destroy. */
int tls_files_create(struct tls_files **files, const struct tls_options *options);
/* Blocks. Whether a file is another one, or has changed, since `before`. */
bool tls_files_differ(struct tls_files *files, const struct stat before[static TLS_FILES_N]);
/* Blocks. 0, or a UV_E* code (UV_EINVAL: a file is no good; UV_EMFILE, UV_ENOMEM: it may be) after
 * an error that names it was logged. Once. */
int tls_files_read(struct tls_files *files);
/* NULL is allowed. */
void tls_files_destroy(struct tls_files *files);

#endif
