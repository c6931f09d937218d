/* SPDX-License-Identifier: MIT */
#include "edge/peers.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <uv.h>

#include "observe/metrics.h"

static bool has_room(const struct peers *peers)
{
    return peers->n - peers->extra_n < peers->max;
}

int peers_add(struct peers *peers, int fd, const struct ip *ip, bool closes_unnoticed)
{
    struct stat stat = { 0 };
    if (closes_unnoticed && fstat(fd, &stat))
        return UV_EBADF;
    if ((size_t)fd >= peers->by_fd_n) {
        size_t n = ((size_t)fd + 1) * 2;
        struct peer *by_fd = realloc(peers->by_fd, n * sizeof *by_fd);
        if (!by_fd)
            return UV_ENOMEM;
        memset(by_fd + peers->by_fd_n, 0, (n - peers->by_fd_n) * sizeof *by_fd);
        peers->by_fd = by_fd;
        peers->by_fd_n = n;
    }
    peers_remove(peers, fd); /* a former connection of this number may have closed without our knowing */
    peers->by_fd[fd] =
        (struct peer){ .inode = stat.st_ino, .ip = *ip, .is_there = true, .is_extra = !has_room(peers) };
    peers->n++;
    peers->unnoticed += closes_unnoticed;
    peers->extra_n += peers->by_fd[fd].is_extra;
    return 0;
}

static struct peer *find(const struct peers *peers, int fd)
{
    return fd >= 0 && (size_t)fd < peers->by_fd_n && peers->by_fd[fd].is_there ? &peers->by_fd[fd] : NULL;
}

void peers_remove(struct peers *peers, int fd)
{
    struct peer *peer = find(peers, fd);
    if (!peer)
        return;
    peer->is_there = false;
    peers->n--;
    peers->unnoticed -= peer->inode != 0;
    peers->extra_n -= peer->is_extra;
}

bool peers_have_room(struct peers *peers, uint64_t now_ms)
{
    if (!has_room(peers))
        peers_sweep(peers, now_ms);
    return has_room(peers);
}

bool peers_is_extra(const struct peers *peers, int fd)
{
    const struct peer *peer = find(peers, fd);
    return peer && peer->is_extra;
}

bool peers_settle(struct peers *peers, int fd, uint64_t now_ms)
{
    struct peer *peer = find(peers, fd);
    if (!peer || !peer->is_extra)
        return true;
    if (!peers_have_room(peers, now_ms))
        return false;
    peer->is_extra = false;
    peers->extra_n--;
    return true;
}

const struct ip *peers_find(const struct peers *peers, int fd)
{
    const struct peer *peer = find(peers, fd);
    return peer ? &peer->ip : NULL;
}

static unsigned count_from(const struct peers *peers, const struct ip *ip)
{
    unsigned n = 0;
    for (size_t fd = 0; fd < peers->by_fd_n; fd++)
        n += peers->by_fd[fd].is_there && memcmp(&peers->by_fd[fd].ip, ip, sizeof *ip) == 0;
    return n;
}

static bool is_open(int fd, const struct peer *peer)
{
    struct stat stat;
    return !peer->inode || (fstat(fd, &stat) == 0 && stat.st_ino == peer->inode);
}

void peers_sweep(struct peers *peers, uint64_t now_ms)
{
    if (peers->swept_ms && now_ms - peers->swept_ms < PEERS_SWEEP_EVERY_MS)
        return;
    peers->swept_ms = now_ms;
    for (size_t fd = 0; peers->unnoticed && fd < peers->by_fd_n; fd++)
        if (peers->by_fd[fd].is_there && !is_open((int)fd, &peers->by_fd[fd]))
            peers_remove(peers, (int)fd);
}

void peers_cut(const struct peers *peers)
{
    for (size_t fd = 0; fd < peers->by_fd_n; fd++)
        if (peers->by_fd[fd].is_there && is_open((int)fd, &peers->by_fd[fd]))
            shutdown((int)fd, SHUT_RDWR);
}

bool peers_address_is_full(struct peers *peers, const struct ip *ip, uint64_t now_ms)
{
    unsigned max = peers->max_per_address;
    if (max == 0 || count_from(peers, ip) < max)
        return false;
    peers_sweep(peers, now_ms);
    return count_from(peers, ip) >= max;
}

bool peers_come_from(struct peers *peers, int fd, const struct ip *ip, uint64_t now_ms)
{
    struct peer *peer = find(peers, fd);
    if (!peer)
        return true;
    peer->ip = (struct ip){ 0 }; /* not to count itself, where a proxy speaks for itself */
    if (peers_address_is_full(peers, ip, now_ms))
        return false;
    peer->ip = *ip;
    return true;
}

/* ---- metrics ---- */

static struct peers *told;

static void tell(struct metrics_out *out, enum metric metric, const void *owner)
{
    (void)owner;
    peers_sweep(told, uv_hrtime() / 1000000);
    metrics_put(out, metric, metric == METRIC_svcd_connections ? told->n : told->max);
}

void peers_tell_metrics(struct peers *peers)
{
    told = peers;
    metrics_set_reader(METRIC_svcd_connections, tell, NULL);
    metrics_set_reader(METRIC_svcd_connections_max, tell, NULL);
}

void peers_finish(struct peers *peers)
{
    free(peers->by_fd);
    *peers = (struct peers){ 0 };
}
