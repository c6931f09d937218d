/* SPDX-License-Identifier: MIT
 *
 * Who is at the other end of a descriptor: the listener writes it when it has accepted one, and whoever needs
 * it, or counts connections, reads it.
 *
 * Whoever closes a connection says so, but for the gRPC core: its connections are counted by what the kernel
 * says. Such a peer is remembered with its socket's inode, and the table is swept for descriptors that are
 * closed, or another socket, when somebody needs to know better than "at most so many".
 *
 * Up to `max` of them are ordinary. Those beyond are extra: there are PEERS_EXTRA_MAX places for them, on
 * which our own edge answers health when the server is full.
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
    ino_t inode; /* of a socket that may be closed unnoticed, or 0 */
    struct ip ip;
    bool is_there;
    bool is_extra;
};

/* Zeroed: nobody is known. */
struct peers {
    struct peer *by_fd;
    size_t by_fd_n;
    unsigned n;         /* at most: some may have gone since the last sweep */
    unsigned unnoticed; /* of them, those that may */
    unsigned extra_n;   /* of them */
    unsigned max;       /* that are ordinary; the listener's to set */
    uint64_t swept_ms;
};

#define PEERS_EXTRA_MAX 16

/* An open socket and its peer, which is extra if there is no room. closes_unnoticed: nobody will call
 * peers_remove. Returns 0, UV_EBADF or UV_ENOMEM. */
int peers_add(struct peers *peers, int fd, const struct ip *ip, bool closes_unnoticed);
/* The descriptor is about to be closed. One that is not known is let pass. */
void peers_remove(struct peers *peers, int fd);

/* NULL: not known. Valid until the next peers_add. */
const struct ip *peers_find(const struct peers *peers, int fd);

/* For one more that is ordinary. */
bool peers_have_room(struct peers *peers, uint64_t now_ms);
bool peers_is_extra(const struct peers *peers, int fd);
/* Makes one that is extra ordinary. False: there is no room. */
bool peers_settle(struct peers *peers, int fd, uint64_t now_ms);

unsigned peers_count_from(const struct peers *peers, const struct ip *ip);

/* Forgets those that have gone. Does nothing if it has within the last PEERS_SWEEP_EVERY_MS. */
#define PEERS_SWEEP_EVERY_MS 100
void peers_sweep(struct peers *peers, uint64_t now_ms);

/* Shuts down the sockets of all that are still there: whoever owns one is told by the kernel. */
void peers_cut(const struct peers *peers);

/* svcd_connections and svcd_connections_max, from now until peers_finish. */
void peers_tell_metrics(struct peers *peers);

void peers_finish(struct peers *peers);

#endif
