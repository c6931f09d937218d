/* SPDX-License-Identifier: MIT
 *
 * Where a server may be reached: the hosts of the configuration, each with every address that its name has.
 * Names are resolved by a thread of their own, for the system's resolver may take as long as it likes; the
 * loop waits for nobody.
 */
#ifndef DB_ENDPOINT_H
#define DB_ENDPOINT_H

#include <uv.h>

#define ENDPOINTS_MAX 32

struct endpoint {
    char host[256];   /* as configured: a name, an address, a socket's folder; "": libpq's default */
    char address[64]; /* numeric; "": none is needed */
    char port[8];     /* "": libpq's default */
};

struct endpoints {
    struct endpoint items[ENDPOINTS_MAX];
    size_t n;
    char error[256]; /* why there are none */
};

/* Lists of hosts and of ports, separated by commas (one port, or none, for all hosts), into endpoints without
 * addresses; an empty list of hosts is one, libpq's default. Returns how many; those over max are left out.
 */
size_t endpoint_split(const char *hosts, const char *ports, struct endpoint *endpoints, size_t max);

struct lookup;

/* Finds the endpoints of hosts and ports, lists as above.
 * on_found runs once, on a later turn of the loop, unless the lookup is abandoned; `found` is valid while it
 * runs. Returns 0 or a UV_E* code. */
int lookup_start(struct lookup **lookup, uv_loop_t *loop, const char *hosts, const char *ports,
                 void (*on_found)(void *data, const struct endpoints *found), void *data);
/* The answer is wanted no more; the thread may live on until the resolver lets go of it. NULL is let pass. */
void lookup_abandon(struct lookup *lookup);

#endif
