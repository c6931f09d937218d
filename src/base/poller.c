/* SPDX-License-Identifier: MIT */
#include "base/poller.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "base/loop_clock.h"

static void leave_line(struct watch *watch)
{
    if (watch->due)
        TAILQ_REMOVE(watch->in, watch, link);
    watch->due = 0;
}

static void stand_in_line(struct poller *poller, struct watch *watch, uint32_t events)
{
    if (!watch->due) {
        watch->in = watch->goes_first ? &poller->first : &poller->others;
        TAILQ_INSERT_TAIL(watch->in, watch, link);
    }
    watch->due = events;
}

/* Serves at least one. Events that a watch no longer wants were queued in an earlier turn. */
static void serve(struct watch_list *line, uint64_t until_ns)
{
    struct watch *watch;
    while ((watch = TAILQ_FIRST(line))) {
        uint32_t events = watch->due & (watch->wanted | EPOLLERR | EPOLLHUP);
        leave_line(watch);
        if (events)
            watch->on_event(watch, events);
        if (loop_clock_read() >= until_ns)
            return;
    }
}

/* Sockets that stay queued need no wake-up of their own: epoll is level-triggered and reports them again. */
static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct poller *poller = poll->data;
    struct epoll_event due[POLLER_DUE];
    (void)status, (void)events;
    int n = epoll_wait(poller->epoll_fd, due, POLLER_DUE, 0);
    for (int i = 0; i < n; i++)
        stand_in_line(poller, due[i].data.ptr, due[i].events);
    uint64_t until_ns = loop_clock_read() + poller->turn_ns;
    serve(&poller->first, until_ns);
    serve(&poller->others, until_ns);
}

int poller_init(struct poller *poller, uv_loop_t *loop)
{
    poller->turn_ns = POLLER_TURN_NS;
    TAILQ_INIT(&poller->first);
    TAILQ_INIT(&poller->others);
    poller->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (poller->epoll_fd < 0)
        return uv_translate_sys_error(errno);
    int rc = uv_poll_init(loop, &poller->poll, poller->epoll_fd);
    if (rc) {
        close(poller->epoll_fd);
        return rc;
    }
    poller->poll.data = poller;
    return uv_poll_start(&poller->poll, UV_READABLE, on_ready);
}

int poller_want(struct poller *poller, struct watch *watch, uint32_t events)
{
    if (watch->is_known && watch->wanted == events)
        return 0;
    struct epoll_event event = { .events = events, .data.ptr = watch };
    if (epoll_ctl(poller->epoll_fd, watch->is_known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, watch->fd, &event))
        return uv_translate_sys_error(errno);
    watch->is_known = true;
    watch->wanted = events;
    return 0;
}

void poller_forget(struct watch *watch)
{
    leave_line(watch);
    watch->is_known = false;
}

void poller_finish(struct poller *poller)
{
    uv_close((uv_handle_t *)&poller->poll, NULL);
    close(poller->epoll_fd);
}
