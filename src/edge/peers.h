/* SPDX-License-Identifier: MIT
 *
 * A table of the connections that are open, by descriptor, with the peer's address. The listener adds those
 * it accepts; the edges look peers up, and connections are counted by it.
 *
 * Our own edge removes a connection when it closes it. The gRPC core closes without telling us, so its
 * connections are remembered with their socket's inode, and until a sweep has found out which descriptors are
 * closed, or are other sockets by now, the count may be too high.
 *
 * Up to `max` connections are ordinary. Those beyond are extra: there are PEERS_EXTRA_MAX places for them, on
 * which our own edge answers health checks when the server is full.
 *
 * Loop thread only.
 */
#ifndef EDGE_PEERS_H
#define EDGE_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/address.h"

struct peer {
    ino_t inode; /* of a socket that may be closed without our knowing; else 0 */
    struct ip ip;
    bool is_there;
    bool is_extra;
};

/* Zeroed: no connection. */
struct peers {
    struct peer *by_fd;
    size_t by_fd_n;
    unsigned n;               /* connections; too many if some have closed since the last sweep */
    unsigned unnoticed;       /* of them, those that may close without our knowing */
    unsigned extra_n;         /* of them, those that are extra */
    unsigned max;             /* ordinary connections at most; set by the listener */
    unsigned max_per_address; /* connections from one address at most, 0: no limit; set by the listener */
    uint64_t swept_ms;        /* when the last sweep was */
};

#define PEERS_EXTRA_MAX 16

/* Adds an open socket and its peer's address; it is extra if there is no room. closes_unnoticed: nobody will
 * call peers_remove. Returns 0, UV_EBADF or UV_ENOMEM. */
int peers_add(struct peers *peers, int fd, const struct ip *ip, bool closes_unnoticed);
/* To be called before the descriptor is closed. One that is not in the table is ignored. */
void peers_remove(struct peers *peers, int fd);

/* The peer's address, valid until the next peers_add. NULL: the descriptor is not in the table. */
const struct ip *peers_find(const struct peers *peers, int fd);

/* Whether there is room for another ordinary connection; sweeps if it seems not. now_ms: by uv_hrtime(). */
bool peers_have_room(struct peers *peers, uint64_t now_ms);
bool peers_is_extra(const struct peers *peers, int fd);
/* Makes an extra connection ordinary. False: there is no room. */
bool peers_settle(struct peers *peers, int fd, uint64_t now_ms);

/* Whether max_per_address connections are open from this address; walks the whole table, and sweeps if it
 * seems so. */
bool peers_address_is_full(struct peers *peers, const struct ip *ip, uint64_t now_ms);
/* A proxy has said whom a connection is from: it counts as one from there. False: max_per_address are open
 * from there already. */
bool peers_come_from(struct peers *peers, int fd, const struct ip *ip, uint64_t now_ms);

/* Removes connections that were closed without our knowing. Does nothing if the last sweep was less than
 * PEERS_SWEEP_EVERY_MS ago. */
#define PEERS_SWEEP_EVERY_MS 100
void peers_sweep(struct peers *peers, uint64_t now_ms);

/* Shuts down the sockets of all connections: their owners learn it from the kernel. */
void peers_cut(const struct peers *peers);

/* Provides the metrics svcd_connections and svcd_connections_max, from now until peers_finish. */
void peers_tell_metrics(struct peers *peers);

void peers_finish(struct peers *peers);

#endif
