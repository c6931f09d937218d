/* SPDX-License-Identifier: MIT
 *
 * Many sockets of the loop by one epoll of their own, which is the one handle that libuv sees: a socket costs
 * one system call to be watched and none to be forgotten, where a uv_poll_t takes seven, and a turn one more.
 *
 * Loop thread only.
 */
#ifndef BASE_POLLER_H
#define BASE_POLLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <uv.h>

#define POLLER_DUE 256 /* sockets that have something in a turn; the others have the next */

struct poller {
    int epoll_fd;
    uv_poll_t poll;
    struct epoll_event due[POLLER_DUE];
};

/* Its owner's, who sets fd and on_event; otherwise zeroed. */
struct watch {
    int fd;
    void (*on_event)(struct watch *watch, uint32_t events);
    uint32_t wanted;
    bool is_known;           /* to the kernel */
    struct epoll_event *due; /* in this turn, and not called for yet */
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
