/* SPDX-License-Identifier: MIT */
#include "edge/http/tls_authorities.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <uv.h>

static bool has_certificates(const char *file)
{
    X509_STORE *store = X509_STORE_new();
    bool is_good = store && X509_STORE_load_file(store, file) == 1;
    X509_STORE_free(store);
    ERR_clear_error();
    return is_good;
}

int tls_authorities_check(const char *key, const char *file, FILE *errors)
{
    FILE *opened = fopen(file, "re");
    int rc = opened ? 0 : uv_translate_sys_error(errno);
    if (opened)
        fclose(opened);
    if (!rc && !has_certificates(file))
        rc = UV_EINVAL;
    if (rc)
        fprintf(errors, "%s: %s: %s; expected a readable file of certificates, PEM\n", key, file,
                rc == UV_EINVAL ? "there is no certificate in it, or a damaged one" : uv_strerror(rc));
    return rc;
}
