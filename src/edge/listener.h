/* SPDX-License-Identifier: MIT
 *
 * Accepts connections on the loop and hands them to the core, which cannot do it well: it gives up a listener
 * for good when descriptors run out, and knows no caps. Loop thread only.
 */
#ifndef EDGE_LISTENER_H
#define EDGE_LISTENER_H

#include <uv.h>

#include "base/address.h"
#include "edge/core/server.h"

struct acceptor;

struct acceptor_options {
    const struct address_list *listen; /* port 0: any free one */
    unsigned max_connections;
    unsigned max_connections_per_address; /* 0: no limit */
};

/* Listens on every address, or on none: UV_E* code, after an error was logged that names the address. Logs
 * each address with the port it got. On success *acceptor wants acceptor_stop, then acceptor_destroy. */
int acceptor_start(struct acceptor **acceptor, uv_loop_t *loop, struct wire *wire,
                   const struct acceptor_options *options);

/* Closes the listeners; accepted connections stay, and their peers known. */
void acceptor_stop(struct acceptor *acceptor);

/* Once the loop has closed the handles. NULL is let pass. */
void acceptor_destroy(struct acceptor *acceptor);

/* The address of the peer at the other end of a descriptor that was accepted here and is open; NULL: unknown.
 */
const struct ip *acceptor_peer(const struct acceptor *acceptor, int fd);

#endif
