/* SPDX-License-Identifier: MIT
 *
 * The PROXY protocol, versions 1 and 2 (https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt): a
 * header in which a proxy names the client, before anything else on the connection. Any thread.
 */
#ifndef EDGE_HTTP_PROXY_H
#define EDGE_HTTP_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

#define PROXY_LEN_MAX ((size_t)4096) /* bytes of a header that are read at most */

/* Reads the header at the start of `bytes`. Returns its length; 0: it is not complete; UV_EINVAL: it is none.
 * *has_ip: it names a client, in *ip (else the proxy speaks for itself, or does not know the client). */
int proxy_parse(const uint8_t *bytes, size_t len, struct ip *ip, bool *has_ip);

#endif
