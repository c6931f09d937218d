/* SPDX-License-Identifier: MIT
 *
 * What is served to people rather than to programs: the explorer's page at "/", and "/openapi.json".
 * Generated at build time by tools/protoc-gen-pages; constant.
 */
#ifndef EDGE_HTTP_DOCUMENT_H
#define EDGE_HTTP_DOCUMENT_H

#include <stddef.h>

struct document {
    const char *type; /* content-type */
    const char *text;
    size_t len;
    const char *policy; /* content-security-policy; NULL: none */
};

enum { DOCUMENT_EXPLORER, DOCUMENT_OPENAPI, DOCUMENTS_N };

extern const struct document documents[DOCUMENTS_N];

#endif
