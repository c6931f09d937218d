/* SPDX-License-Identifier: MIT */
#include "edge/http/tls_names.h"

#include <openssl/x509v3.h>
#include <string.h>

#define NAME_MAX_LEN 256

/* A name with a NUL inside is not cut there but left out: "good.org\0.evil.org" must not become good.org. */
static void add_name(struct bytes *names, const void *text, int len)
{
    if (len <= 0 || len >= NAME_MAX_LEN || memchr(text, '\0', (size_t)len) ||
        bytes_reserve(names, (size_t)len + 1))
        return;
    bytes_put(names, text, (size_t)len);
    bytes_put(names, "", 1);
}

void tls_names_add(struct bytes *names, X509 *certificate)
{
    GENERAL_NAMES *others = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; others && i < sk_GENERAL_NAME_num(others); i++) {
        const GENERAL_NAME *entry = sk_GENERAL_NAME_value(others, i);
        if (entry->type == GEN_DNS)
            add_name(names, ASN1_STRING_get0_data(entry->d.dNSName), ASN1_STRING_length(entry->d.dNSName));
    }
    GENERAL_NAMES_free(others);
    X509_NAME *subject = X509_get_subject_name(certificate);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0)
        return;
    unsigned char *text = NULL;
    int len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    add_name(names, text, len);
    OPENSSL_free(text);
}

static bool has_name(const struct bytes *names, const char *name, size_t len)
{
    for (size_t at = 0; at < names->len; at += strlen((char *)names->data + at) + 1)
        if (strlen((char *)names->data + at) == len && memcmp(names->data + at, name, len) == 0)
            return true;
    return false;
}

bool tls_names_add_listed(struct bytes *names, X509 *certificate, const char *list)
{
    struct bytes own = { 0 };
    tls_names_add(&own, certificate);
    bool is_listed = false;
    while (*list && !is_listed) {
        size_t len = strcspn(list, ", ");
        is_listed =
            len && (has_name(&own, list, len) ||
                    X509_check_host(certificate, list, len, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1);
        if (is_listed)
            add_name(names, list, (int)len);
        list += len + strspn(list + len, ", ");
    }
    bytes_finish(&own);
    return is_listed;
}
