/* SPDX-License-Identifier: MIT
 *
 * Makes a listening socket of a configured address: TCP, unix, or one that was handed over (socket
 * activation). Loop thread only.
 */
#ifndef EDGE_BOUND_H
#define EDGE_BOUND_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/address.h"

struct bound {
    int fd;                     /* non-blocking */
    ino_t inode;                /* of a unix socket's file that we have made; or 0 */
    struct sockaddr_storage at; /* the address it is bound to: port 0 has become a real one */
};

/* 0 or a negative errno; then there is nothing to close. */
int bound_open(struct bound *bound, const struct address *address, bool reuse_port);
/* Whether the kernel hands over a TCP connection only when the peer has sent something, or after a second
 * (TCP_DEFER_ACCEPT). */
void bound_await_words(const struct bound *bound, bool is_awaited);
/* Removes the file of a unix socket, unless another daemon has put its own there. */
void bound_remove_file(const struct bound *bound);
void bound_close(struct bound *bound);

#endif
