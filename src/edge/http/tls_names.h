/* SPDX-License-Identifier: MIT
 *
 * The names in a certificate, appended one after the other, each ended by NUL. A name that is empty, longer
 * than 255 bytes or has a NUL in it is left out, as is one for which there is no memory. Any thread.
 */
#ifndef EDGE_HTTP_TLS_NAMES_H
#define EDGE_HTTP_TLS_NAMES_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "base/bytes.h"

/* Appends its DNS names, then the common name. */
void tls_names_add(struct bytes *names, X509 *certificate);
/* Appends the first name of the list (separated by commas) that is one of the certificate's or matches a
 * wildcard of it. False: none does. */
bool tls_names_add_listed(struct bytes *names, X509 *certificate, const char *list);

#endif
