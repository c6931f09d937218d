/* SPDX-License-Identifier: MIT
 *
 * Many sockets of the loop by one epoll of their own, which is the one handle that libuv sees: a socket costs
 * one system call to be watched and none to be forgotten, where a uv_poll_t takes seven, and a turn one more.
 *
 * They stand in line, and a turn of the loop calls for no more of them than it has time for, so that however
 * many have much to say the loop soon looks again at everything else. Who goes first has a line of its own,
 * which is served before the other; from each at least one is called for.
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

#define POLLER_DUE     256     /* sockets that are told of in a turn; the others are in the next */
#define POLLER_TURN_NS 1000000 /* that a turn takes, begun within */

struct watch;
TAILQ_HEAD(watch_list, watch);

struct poller {
    int epoll_fd;
    uv_poll_t poll;
    struct watch_list first, others; /* in line */
    uint64_t turn_ns;                /* POLLER_TURN_NS; a test's own */
};

/* Its owner's, who sets fd and on_event; otherwise zeroed. */
struct watch {
    int fd;
    void (*on_event)(struct watch *watch, uint32_t events);
    bool goes_first; /* the owner's word, from the next time on */
    uint32_t wanted;
    bool is_known;         /* to the kernel */
    uint32_t due;          /* it has not been called for these yet, and stands in line: */
    struct watch_list *in; /* there */
    TAILQ_ENTRY(watch) link;
};

/* 0 or a UV_E* code. */
int poller_init(struct poller *poller, uv_loop_t *loop);

/* on_event is called for these (EPOLLIN, EPOLLOUT, EPOLLRDHUP), and for EPOLLERR and EPOLLHUP in any case, as
 * long as they last. 0 or a UV_E* code; then all stays as before. */
int poller_want(struct poller *poller, struct watch *watch, uint32_t events);

/* It is not called for any more. Its descriptor, of which there is no other, is to be closed now: that is how
 * the kernel forgets it. */
void poller_forget(struct watch *watch);

/* Nobody is watched any more. */
void poller_finish(struct poller *poller);

#endif
