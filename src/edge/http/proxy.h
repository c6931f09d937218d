/* SPDX-License-Identifier: MIT
 *
 * The PROXY protocol, versions 1 and 2: what a proxy says before anything else of whom it speaks for.
 */
#ifndef EDGE_HTTP_PROXY_H
#define EDGE_HTTP_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

#define PROXY_LEN_MAX ((size_t)4096)

/* Reads the head at the start of `bytes`. Returns its length, 0 where more is to come, UV_EINVAL where it is
 * none. *has_ip: it names a client (else the proxy speaks for itself, or does not know). */
int proxy_parse(const uint8_t *bytes, size_t len, struct ip *ip, bool *has_ip);

#endif
