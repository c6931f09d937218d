/* SPDX-License-Identifier: MIT
 *
 * Listens and accepts on the loop, for every edge: it keeps the caps on connections, survives running out of
 * descriptors, writes down who has come, and hands the socket on. Loop thread only.
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
    unsigned max_connections;          /* or as many as the limit of descriptors leaves: peers->max */
    /* Descriptors that must be left for others than connections, so that who fills the listener does not keep
     * the daemon from its database and its log; 0: nobody else wants any. */
    unsigned descriptors_kept;
    unsigned max_connections_per_address; /* 0: no limit */
    bool holds_handed;   /* sockets that were handed over are not accepted from before listener_go() */
    const char *told_as; /* what the log says of each address; NULL: "listening" */
    bool reuse_port;     /* another daemon may listen on the same port */
    struct peers *peers; /* outlives the listener */
    /* A new, non-blocking socket, known to `peers`; it is the callee's. `scheme` is that of the address that
     * it came to. */
    void (*on_accepted)(void *data, int fd, enum scheme scheme);
    /* Whether one of the extra peers has given way to another: who then comes by another scheme than grpc://
     * is accepted beyond max_connections. NULL: nobody is. */
    bool (*makes_room)(void *data);
    /* Nobody listens at this (bound) address any more; NULL: nobody wants to know. */
    void (*on_removed)(void *data, const struct sockaddr *address);
    void *data;
};

/* Listens on every address, or on none: UV_E* code, after an error was logged that names the address. Logs
 * each address with the port it got. On success *listener wants listener_stop, then listener_destroy. */
int listener_start(struct listener **listener, uv_loop_t *loop, const struct listener_options *options);

/* From now on, if not before. */
void listener_go(struct listener *listener);

/* Other addresses in place of those before, in two steps within a turn of the loop. First those are opened
 * where it does not listen yet; on failure, which was logged, all is as before: a UV_E* code. */
int listener_prepare(struct listener *listener, const struct address_list *listen);
/* Then, with the same list, they are told, and what is not among them is closed; */
void listener_take(struct listener *listener, const struct address_list *listen);
/* or what was opened is closed again. */
void listener_forgo(struct listener *listener);
void listener_reconfigure(struct listener *listener, unsigned max_connections,
                          unsigned max_connections_per_address);

/* Closes the sockets that listen; accepted connections stay. */
void listener_stop(struct listener *listener);

/* Once the loop has closed the handles. NULL is let pass. */
void listener_destroy(struct listener *listener);

#endif
