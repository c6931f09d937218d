/* SPDX-License-Identifier: MIT */
#include "edge/http/tls_files.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <uv.h>

#include "observe/log.h"

#define SLOW_NS         UINT64_C(2000000) /* CPU time of a signature, above which threads sign */
#define TICKET_KEYS_LEN 80 /* name, HMAC key and AES key, as SSL_CTX_set_tlsext_ticket_keys() takes them */

static const char *file_of(const struct tls_options *options, size_t i)
{
    const char *const files[TLS_FILES_N] = { options->certificate, options->private_key, options->client_ca,
                                             options->ticket_keys };
    return files[i];
}

/* Whether what failed may work the next time, with the same files. */
static bool is_for_want(unsigned long error)
{
    int reason = ERR_GET_REASON(error);
    return ERR_GET_LIB(error) == ERR_LIB_SYS ? reason == ENOMEM || reason == EMFILE || reason == ENFILE
                                             : reason == ERR_R_MALLOC_FAILURE;
}

static int wrong(const char *what, const char *file)
{
    char text[200];
    struct stat found;
    unsigned long error = ERR_get_error();
    ERR_error_string_n(error, text, sizeof text);
    if (stat(file, &found) == 0 && S_ISDIR(found.st_mode)) /* of which OpenSSL says "no start line" */
        snprintf(text, sizeof text, "%s", strerror(EISDIR));
    ERR_clear_error();
    log_error("TLS cannot be set up", log_str("because", what), log_str("file", file),
              log_str("error", error ? text : NULL));
    return is_for_want(error) ? UV_EMFILE : UV_EINVAL;
}

static int set_tickets(SSL_CTX *context, const char *path)
{
    unsigned char keys[TICKET_KEYS_LEN];
    if (!*path)
        return 0;
    FILE *file = fopen(path, "re");
    if (!file) {
        ERR_raise(ERR_LIB_SYS, errno);
        return wrong("tls.ticket_keys cannot be read", path);
    }
    size_t n = fread(keys, 1, sizeof keys, file);
    fclose(file);
    bool is_set = n == sizeof keys && SSL_CTX_set_tlsext_ticket_keys(context, keys, sizeof keys);
    explicit_bzero(keys, sizeof keys);
    return is_set ? 0 : wrong("tls.ticket_keys needs 80 random bytes", path);
}

static int set_clients(SSL_CTX *context, const struct tls_options *options)
{
    if (options->client_auth == TLS_CLIENT_NONE)
        return 0;
    int mode =
        SSL_VERIFY_PEER | (options->client_auth == TLS_CLIENT_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
    SSL_CTX_set_verify(context, mode, NULL);
    if (!SSL_CTX_load_verify_locations(context, options->client_ca, NULL))
        return wrong("tls.client_ca cannot be read", options->client_ca);
    STACK_OF(X509_NAME) *authorities = SSL_load_client_CA_file(options->client_ca);
    if (!authorities)
        return wrong("tls.client_ca cannot be read", options->client_ca);
    SSL_CTX_set_client_CA_list(context, authorities);
    return 0;
}

/* The session id context is a hash of how clients are verified and by which authorities. So a ticket from
 * another daemon, or from before a reload, does not resume a session where other authorities are trusted. */
static int set_session_context(SSL_CTX *context, const struct tls_options *options)
{
    unsigned char id[SHA256_DIGEST_LENGTH], piece[4096];
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool has_authorities = options->client_auth != TLS_CLIENT_NONE;
    FILE *file = has_authorities ? fopen(options->client_ca, "re") : NULL;
    if (has_authorities && !file)
        ERR_raise(ERR_LIB_SYS, errno);
    bool is_good = digest && (file || !has_authorities) && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) &&
                   EVP_DigestUpdate(digest, &options->client_auth, sizeof options->client_auth);
    for (size_t n; is_good && file && (n = fread(piece, 1, sizeof piece, file)) > 0;)
        is_good = EVP_DigestUpdate(digest, piece, n);
    is_good = is_good && (!file || !ferror(file)) && EVP_DigestFinal_ex(digest, id, NULL);
    if (file)
        fclose(file);
    EVP_MD_CTX_free(digest);
    return is_good && SSL_CTX_set_session_id_context(context, id, sizeof id)
               ? 0
               : wrong("sessions cannot be bound to tls.client_ca", options->client_ca);
}

/* Without this OpenSSL would ask at the terminal, or read from standard input, and wait. */
static int give_no_password(char *password, int size, int is_to_write, void *is_locked)
{
    (void)password, (void)size, (void)is_to_write;
    if (is_locked)
        *(bool *)is_locked = true;
    return -1;
}

static int set_pair(SSL_CTX *context, const struct tls_options *options)
{
    bool is_locked = false;
    SSL_CTX_set_default_passwd_cb(context, give_no_password);
    SSL_CTX_set_default_passwd_cb_userdata(context, &is_locked);
    if (SSL_CTX_use_certificate_chain_file(context, options->certificate) != 1)
        return wrong("tls.certificate cannot be read", options->certificate);
    bool has_key = SSL_CTX_use_PrivateKey_file(context, options->private_key, SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
    if (is_locked)
        return wrong("tls.private_key has a password; it is to have none (openssl pkey -in KEY -out KEY2)",
                     options->private_key);
    if (!has_key)
        return wrong("tls.private_key cannot be read, or is not the certificate's", options->private_key);
    return SSL_CTX_check_private_key(context) == 1
               ? 0
               : wrong("tls.private_key is not the certificate's", options->private_key);
}

static int set_up(SSL_CTX *context, const struct tls_options *options)
{
    bool is_set = SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                     SSL_OP_NO_COMPRESSION);
    /* AES first, which server processors do in hardware, the cheapest first; clients without such hardware
     * (phones) put ChaCha first, and SSL_OP_PRIORITIZE_CHACHA follows them. */
    is_set &= SSL_CTX_set_ciphersuites(
        context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 1);
    int rc = is_set ? set_pair(context, options) : UV_ENOMEM;
    if (!rc)
        rc = set_clients(context, options);
    if (!rc)
        rc = set_session_context(context, options);
    return rc ? rc : set_tickets(context, options->ticket_keys);
}

static void look(const struct tls_options *options, struct stat stats[static TLS_FILES_N])
{
    memset(stats, 0, TLS_FILES_N * sizeof *stats);
    for (size_t i = 0; i < TLS_FILES_N; i++)
        if (*file_of(options, i) && stat(file_of(options, i), &stats[i]))
            memset(&stats[i], 0, sizeof stats[i]);
}

static bool is_changed(const struct stat *a, const struct stat *b)
{
    return a->st_ino != b->st_ino || a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec ||
           a->st_mtim.tv_nsec != b->st_mtim.tv_nsec;
}

/* ---- the key's speed ---- */

/* In CPU time of this thread, so that the result does not depend on how busy the machine is. UINT64_MAX: the
 * key cannot sign with this digest. */
static uint64_t sign_once_ns(EVP_PKEY *key, const EVP_MD *digest)
{
    static const unsigned char text[] = "what is signed";
    unsigned char signature[2048];
    size_t len = sizeof signature;
    struct timespec begin, end;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    bool is_signed = context && EVP_DigestSignInit(context, NULL, digest, NULL, key) == 1 &&
                     EVP_DigestSign(context, signature, &len, text, sizeof text) == 1;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return is_signed ? (uint64_t)(end.tv_sec - begin.tv_sec) * 1000000000 + (uint64_t)end.tv_nsec -
                           (uint64_t)begin.tv_nsec
                     : UINT64_MAX;
}

/* The first signature is slower, since OpenSSL sets things up. 0: it is fast enough. */
static uint64_t slow_signature_ns(EVP_PKEY *key)
{
    uint64_t first_ns = sign_once_ns(key, EVP_sha256());
    uint64_t ns = first_ns == UINT64_MAX ? first_ns : sign_once_ns(key, EVP_sha256());
    return ns == UINT64_MAX || first_ns <= SLOW_NS || ns <= SLOW_NS ? 0 : ns;
}

/* ---- a reading ---- */

static const size_t texts[] = { offsetof(struct tls_options, certificate),
                                offsetof(struct tls_options, private_key),
                                offsetof(struct tls_options, client_ca),
                                offsetof(struct tls_options, client_names),
                                offsetof(struct tls_options, ticket_keys) };

static char **text_of(struct tls_options *options, size_t i)
{
    return (char **)((char *)options + texts[i]);
}

static void options_finish(struct tls_options *options)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(*text_of(options, i));
    *options = (struct tls_options){ 0 };
}

static int options_copy(struct tls_options *own, const struct tls_options *options)
{
    bool is_whole = true;
    *own = *options;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        is_whole &= (*text_of(own, i) = strdup(*text_of(own, i))) != NULL;
    return is_whole ? 0 : UV_ENOMEM;
}

int tls_files_create(struct tls_files **out, const struct tls_options *options)
{
    struct tls_files *files = calloc(1, sizeof *files);
    if (!files || options_copy(&files->options, options)) {
        wrong("out of memory", options->certificate);
        tls_files_destroy(files);
        return UV_ENOMEM;
    }
    *out = files;
    return 0;
}

bool tls_files_differ(struct tls_files *files, const struct stat before[static TLS_FILES_N])
{
    bool differ = false;
    look(&files->options, files->stats);
    for (size_t i = 0; i < TLS_FILES_N; i++)
        differ |= is_changed(&files->stats[i], &before[i]);
    return differ;
}

/* OPENSSL_thread_stop: as in tls_shake(). */
int tls_files_read(struct tls_files *files)
{
    look(&files->options, files->stats);
    files->context = SSL_CTX_new(TLS_server_method());
    int rc = files->context ? set_up(files->context, &files->options) : UV_ENOMEM;
    if (rc == UV_ENOMEM)
        wrong("out of memory", files->options.certificate);
    if (rc) {
        SSL_CTX_free(files->context);
        files->context = NULL;
    } else {
        files->slow_signature_ns = slow_signature_ns(SSL_CTX_get0_privatekey(files->context));
    }
    OPENSSL_thread_stop();
    return rc;
}

void tls_files_destroy(struct tls_files *files)
{
    if (!files)
        return;
    options_finish(&files->options);
    SSL_CTX_free(files->context);
    free(files);
}
