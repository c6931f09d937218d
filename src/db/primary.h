/* SPDX-License-Identifier: MIT
 *
 * What all connections to the primary know about it: the timeline on which it writes, and the host at which
 * it was seen. If two servers take writes, the one on the higher timeline is the primary, because it was
 * promoted later; the other is not used. Opens no connection. Loop thread only.
 */
#ifndef DB_PRIMARY_H
#define DB_PRIMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/endpoint.h"

struct primary {
    uint32_t timeline;        /* the highest on which a server was seen to take writes; 0: none yet */
    char host[256], port[8];  /* where that server is, as configured; "": unknown */
    uint64_t look_until_ns;   /* connections wait until then for it to be found; 0: they do not */
    void (*on_moved)(void *); /* called when a higher timeline is seen; may be NULL */
    void *data;
};

/* Whether a server is the primary: it takes writes, on a timeline no lower than any seen. If not, `why` says
 * what it is. */
bool primary_is(struct primary *primary, const char *host, const char *port, bool in_recovery,
                uint32_t timeline, char *why, size_t size);

/* Moves the endpoints of the host where the primary was last seen to the front. */
void primary_sort(const struct primary *primary, struct endpoints *endpoints);

/* Whether the primary is not known yet and is being looked for, so that connections should wait. */
bool primary_is_sought(const struct primary *primary, uint64_t now_ns);

#endif
