/* SPDX-License-Identifier: MIT */
#include "observe/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct {
    int fd; /* 0: systemd does not listen */
    struct sockaddr_un address;
    socklen_t address_len;
    uint64_t watchdog_ms;
} notify;

/* A name that begins with @ is an abstract address. */
static void find_socket(const char *name)
{
    size_t len = name ? strlen(name) : 0;
    if (len < 2 || len >= sizeof notify.address.sun_path || (*name != '/' && *name != '@'))
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd <= 0)
        return;
    notify.fd = fd;
    notify.address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(notify.address.sun_path, name, len);
    if (*name == '@')
        notify.address.sun_path[0] = '\0';
    notify.address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

void notify_init(void)
{
    const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    find_socket(getenv("NOTIFY_SOCKET"));
    if (us && (!pid || strtol(pid, NULL, 10) == getpid()))
        notify.watchdog_ms = strtoull(us, NULL, 10) / 2000;
    unsetenv("NOTIFY_SOCKET"); /* child processes must not use it */
}

bool notify_is_wanted(void)
{
    return notify.fd > 0;
}

void notify_send(const char *format, ...)
{
    char text[512];
    if (!notify.fd)
        return;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len > 0 && (size_t)len < sizeof text)
        sendto(notify.fd, text, (size_t)len, MSG_NOSIGNAL, (const struct sockaddr *)&notify.address,
               notify.address_len);
}

uint64_t notify_watchdog_ms(void)
{
    return notify.fd ? notify.watchdog_ms : 0;
}
