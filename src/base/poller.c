/* SPDX-License-Identifier: MIT */
#include "base/poller.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct poller *poller = poll->data;
    (void)status, (void)events;
    int n = epoll_wait(poller->epoll_fd, poller->due, POLLER_DUE, 0);
    for (int i = 0; i < n; i++)
        ((struct watch *)poller->due[i].data.ptr)->due = &poller->due[i];
    for (int i = 0; i < n; i++) {
        struct watch *watch = poller->due[i].data.ptr;
        if (!watch) /* another one's event has closed it */
            continue;
        watch->due = NULL;
        watch->on_event(watch, poller->due[i].events);
    }
}

int poller_init(struct poller *poller, uv_loop_t *loop)
{
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
    if (watch->due)
        watch->due->data.ptr = NULL;
    watch->due = NULL;
    watch->is_known = false;
}

void poller_finish(struct poller *poller)
{
    uv_close((uv_handle_t *)&poller->poll, NULL);
    close(poller->epoll_fd);
}
