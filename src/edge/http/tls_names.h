/* SPDX-License-Identifier: MIT
 *
 * Whom a certificate names: each name ended by NUL, one behind the other. A name that is empty, longer than
 * 255 bytes or has a NUL in it is left out, as is one for which there is no memory.
 */
#ifndef EDGE_HTTP_TLS_NAMES_H
#define EDGE_HTTP_TLS_NAMES_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "base/bytes.h"

/* Its DNS names, then the common name. */
void tls_names_add(struct bytes *names, X509 *certificate);
/* The first name of the list (separated by commas) that is one of the certificate's, or meets a wildcard of
 * it; false: none is. */
bool tls_names_add_listed(struct bytes *names, X509 *certificate, const char *list);

#endif
