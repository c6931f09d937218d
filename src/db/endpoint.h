/* SPDX-License-Identifier: MIT
 *
 * Where a server can be reached: the hosts of the configuration, each with all addresses of its name. Names
 * are resolved on a thread of their own, so that a slow resolver does not block the loop.
 */
#ifndef DB_ENDPOINT_H
#define DB_ENDPOINT_H

#include <uv.h>

#define ENDPOINTS_MAX 32

struct endpoint {
    char host[256];   /* as configured: a name, an address, a socket's folder; "": libpq's default */
    char address[64]; /* numeric; "": none, as for a socket's folder */
    char port[8];     /* "": libpq's default */
};

struct endpoints {
    struct endpoint items[ENDPOINTS_MAX];
    size_t n;
    char error[256]; /* why there are none */
};

/* Splits lists of hosts and ports, separated by commas (one port, or none, is for all hosts), into endpoints
 * without addresses. An empty list of hosts makes one endpoint, libpq's default. Returns how many there are;
 * those over max are left out. */
size_t endpoint_split(const char *hosts, const char *ports, struct endpoint *endpoints, size_t max);

/* Writes host, address and port as far as they are known: `db (192.0.2.1), port 5432`. */
#define ENDPOINT_TEXT_LEN 400
void endpoint_format(const struct endpoint *endpoint, char text[static ENDPOINT_TEXT_LEN]);

struct lookup;

/* Resolves hosts and ports, lists as above; or with an `address` other than "" only says that the one host
 * has it. on_found runs once, on a later turn of the loop, unless the lookup is abandoned; `found` is valid
 * while it runs. Where a name takes long, the hosts found by then are what is found: a quarter of a second
 * after the beginning if `preferred` is among them, which is one of the hosts or "", else some seconds after
 * it. Returns 0 or a UV_E* code. */
int lookup_start(struct lookup **lookup, uv_loop_t *loop, const char *hosts, const char *address,
                 const char *ports, const char *preferred,
                 void (*on_found)(void *data, const struct endpoints *found), void *data);
/* Gives a lookup up. Its thread lives on until the resolver returns. Accepts NULL. */
void lookup_abandon(struct lookup *lookup);

#endif
