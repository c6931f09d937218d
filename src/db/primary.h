/* SPDX-License-Identifier: MIT
 *
 * What all connections that are to lead to the primary know of it: on which timeline it writes, and at which
 * of the hosts it was seen. Of two servers that both take writes the one on the higher timeline is the
 * primary, for it was promoted later; the other is left alone. Opens nothing. Loop thread only.
 */
#ifndef DB_PRIMARY_H
#define DB_PRIMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/endpoint.h"

struct primary {
    uint32_t timeline;        /* the highest on which a server took writes; 0: none was seen */
    char host[256], port[8];  /* where, as configured; "": unknown */
    uint64_t look_until_ns;   /* before then nobody connects unless it is known; 0: nobody is looking */
    void (*on_moved)(void *); /* a higher timeline was seen; NULL: nobody wants to know */
    void *data;
};

/* Whether a server may be used: it takes writes, on no lower timeline than any that was seen. Else `why` says
 * what it is. */
bool primary_is(struct primary *primary, const char *host, const char *port, bool in_recovery,
                uint32_t timeline, char *why, size_t size);

/* Puts the endpoints where the primary was seen first. */
void primary_sort(const struct primary *primary, struct endpoints *endpoints);

/* Somebody is still looking for the highest timeline. */
bool primary_is_sought(const struct primary *primary, uint64_t now_ns);

#endif
