/* SPDX-License-Identifier: MIT
 *
 * The least that a new connection costs any server, which is the kernel's part: accept, read, write, close.
 * It looks at nothing: whatever comes first is answered with the same bytes.
 *
 * bare_http2 PORT ANSWER_HEX: answers so on 127.0.0.1 until it is killed.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS     256
#define ACCEPT_MAX 64
#define FDS_MAX    65536

static unsigned char answer[4096], in[65536];
static size_t answer_len;
static int epoll_fd;
static char is_answered[FDS_MAX];

static void watch(int fd, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.fd = fd };
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void on_connection(int listen_fd)
{
    for (int n = 0; n < ACCEPT_MAX; n++) {
        struct sockaddr_in peer;
        socklen_t len = sizeof peer;
        int fd = accept4(listen_fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 || fd >= FDS_MAX)
            return;
        is_answered[fd] = 0;
        watch(fd, EPOLLIN | EPOLLRDHUP);
    }
}

static void on_readable(int fd, uint32_t events)
{
    ssize_t len = recv(fd, in, sizeof in, 0);
    if (len > 0 && !is_answered[fd]) {
        is_answered[fd] = 1;
        if (send(fd, answer, answer_len, MSG_NOSIGNAL) < 0)
            len = 0;
    }
    if (len <= 0 || events & EPOLLRDHUP)
        close(fd);
}

static int listen_at(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 4096)) {
        perror("bare_http2");
        exit(1);
    }
    return fd;
}

static void read_hex(const char *hex)
{
    unsigned byte;
    for (; answer_len < sizeof answer && sscanf(hex, "%2x", &byte) == 1; hex += 2)
        answer[answer_len++] = (unsigned char)byte;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    struct rlimit limit;
    if (argc != 3) {
        fprintf(stderr, "usage: bare_http2 PORT ANSWER_HEX\n");
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    read_hex(argv[2]);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int listen_fd = listen_at(atoi(argv[1]));
    watch(listen_fd, EPOLLIN);
    for (;;) {
        int n = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < n; i++)
            if (events[i].data.fd == listen_fd)
                on_connection(listen_fd);
            else
                on_readable(events[i].data.fd, events[i].events);
    }
}
