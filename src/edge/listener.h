/* SPDX-License-Identifier: MIT
 *
 * Listens and accepts, for all edges: it enforces the limits on connections, survives running out of file
 * descriptors, notes the peer in `peers`, and hands the socket to an edge. Loop thread only.
 */
#ifndef EDGE_LISTENER_H
#define EDGE_LISTENER_H

#include <stdbool.h>
#include <uv.h>

#include "base/address.h"
#include "edge/peers.h"

struct listener;

struct listener_options {
    const struct address_list *listen; /* port 0: any free one */
    unsigned max_connections;          /* fewer if there are not enough descriptors: peers->max */
    /* File descriptors to be left for others than connections, so that many connections do not keep the
     * daemon from its database and its log; 0: nobody else needs any. */
    unsigned descriptors_kept;
    unsigned max_connections_per_address; /* 0: no limit */
    /* Who says whom it speaks for before anything else, which our own edge reads: whether that one has too
     * many connections is not known before, peers_come_from(). NULL: nobody. */
    const struct network_list *proxies;
    bool holds_handed;   /* on sockets that were handed over nothing is accepted before listener_go() */
    const char *told_as; /* the log's message for each address; NULL: "listening" */
    bool reuse_port;     /* another daemon may listen on the same port (SO_REUSEPORT) */
    struct peers *peers; /* outlives the listener */
    /* A new, non-blocking socket, known to `peers`, which the callee owns from now on. `scheme` is that of
     * the address where it was accepted. */
    void (*on_accepted)(void *data, int fd, enum scheme scheme);
    /* Asked when all PEERS_EXTRA_MAX extra places are taken: closes one of the extra connections. True: one
     * is free now. If this is set, connections beyond max_connections are accepted, as extra ones, for any
     * scheme but grpc://. NULL: none are. */
    bool (*makes_room)(void *data);
    /* The listener has stopped listening at this (bound) address. May be NULL. */
    void (*on_removed)(void *data, const struct sockaddr *address);
    void *data;
};

/* Listens on every address and logs each with the port it got. 0, or a UV_E* code after an error was logged
 * that names the address: then it listens on none, and the process has to end. On success *listener wants
 * listener_stop, then listener_destroy. */
int listener_start(struct listener **listener, uv_loop_t *loop, const struct listener_options *options);

/* Begins to accept on sockets that were handed over, see holds_handed. A second time does nothing. */
void listener_go(struct listener *listener);

/* Changes the addresses, in two steps within a turn of the loop. Prepare opens those where it does not listen
 * yet: 0, or a UV_E* code after the error was logged, and all is as before. */
int listener_prepare(struct listener *listener, const struct address_list *listen);
/* Take, with the same list, logs the new addresses and closes those that are not in it. */
void listener_take(struct listener *listener, const struct address_list *listen);
/* Instead of take: closes what prepare has opened. */
void listener_forgo(struct listener *listener);
/* Sets other limits; connections that are open stay. */
void listener_reconfigure(struct listener *listener, unsigned max_connections,
                          unsigned max_connections_per_address, const struct network_list *proxies);

/* Closes the listening sockets; accepted connections stay. */
void listener_stop(struct listener *listener);

/* Once the loop has closed the handles. NULL is allowed. */
void listener_destroy(struct listener *listener);

#endif
