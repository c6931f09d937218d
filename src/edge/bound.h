/* SPDX-License-Identifier: MIT
 *
 * An address becomes a socket that listens there: over TCP, as a file, or one that was handed over.
 */
#ifndef EDGE_BOUND_H
#define EDGE_BOUND_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/address.h"

struct bound {
    int fd;                     /* non-blocking */
    ino_t inode;                /* of the file of a unix socket that is ours; or 0 */
    struct sockaddr_storage at; /* where it is: port 0 has become one */
};

/* 0 or a negative errno; then there is nothing to close. */
int bound_open(struct bound *bound, const struct address *address, bool reuse_port);
/* Whether who has connected is let in only when it has said something, or nothing for a second. */
void bound_await_words(const struct bound *bound, bool is_awaited);
/* Nobody new comes by its file, unless it is another daemon's by now. */
void bound_remove_file(const struct bound *bound);
void bound_close(struct bound *bound);

#endif
