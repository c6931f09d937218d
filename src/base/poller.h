/* SPDX-License-Identifier: MIT
 *
 * Watches many sockets through an epoll instance of its own, which libuv sees as a single handle: a socket
 * costs one system call to watch and none to forget, where a uv_poll_t costs seven. Each turn of the loop
 * costs one more system call.
 *
 * Ready sockets are queued, and a turn of the loop serves only as many as fit its time budget, so that busy
 * sockets cannot starve everything else on the loop. Sockets with priority have a queue of their own, served
 * before the other; each turn serves at least one of each queue.
 *
 * Loop thread only.
 */
#ifndef BASE_POLLER_H
#define BASE_POLLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <uv.h>

#define POLLER_DUE     256     /* events taken from epoll in one turn; the rest follow in the next */
#define POLLER_TURN_NS 1000000 /* time budget of a turn: no callback begins after it */

struct watch;
TAILQ_HEAD(watch_list, watch);

struct poller {
    int epoll_fd;
    uv_poll_t poll;
    struct watch_list first, others; /* the queues of ready sockets */
    uint64_t turn_ns;                /* POLLER_TURN_NS; tests set another */
};

/* A watched socket; part of its owner, who sets fd and on_event and zeroes the rest. */
struct watch {
    int fd;
    void (*on_event)(struct watch *watch, uint32_t events);
    bool goes_first; /* has priority; the owner may change it, which counts from the next event on */
    uint32_t wanted;
    bool is_known;         /* registered with epoll */
    uint32_t due;          /* events that on_event has not been called for yet; if any, it is queued */
    struct watch_list *in; /* in this queue */
    TAILQ_ENTRY(watch) link;
};

/* 0 or a UV_E* code. */
int poller_init(struct poller *poller, uv_loop_t *loop);

/* on_event will be called for these events (EPOLLIN, EPOLLOUT, EPOLLRDHUP), and for EPOLLERR and EPOLLHUP in
 * any case, as long as they last (level-triggered). 0; or a UV_E* code, and nothing has changed. */
int poller_want(struct poller *poller, struct watch *watch, uint32_t events);

/* on_event is not called any more. The caller must close the descriptor now, of which there may be no
 * duplicate: closing is what removes it from epoll. */
void poller_forget(struct watch *watch);

/* Closes the handle and epoll; to be called when no socket is watched any more. */
void poller_finish(struct poller *poller);

#endif
