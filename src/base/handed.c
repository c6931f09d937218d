/* SPDX-License-Identifier: MIT */
#include "base/handed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

/* Takes the next name off a list separated by colons. Returns its length in bytes. */
static size_t next_name(const char **names, const char **name)
{
    size_t len = strcspn(*names, ":");
    *name = *names;
    *names += len + ((*names)[len] == ':');
    return len;
}

static bool name_is(const char *name, size_t len, const char *expected)
{
    return strlen(expected) == len && memcmp(name, expected, len) == 0;
}

/* False: not a listening stream socket. */
static bool read_socket(int fd, struct address *address)
{
    int type = 0, listens = 0;
    socklen_t type_len = sizeof type, listens_len = sizeof listens, len = sizeof address->socket;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_len) ||
        getsockname(fd, (struct sockaddr *)&address->socket, &len))
        return false;
    int family = address->socket.ss_family;
    address->fd = fd;
    return type == SOCK_STREAM && listens && (family == AF_INET || family == AF_INET6 || family == AF_UNIX);
}

/* Reads the scheme from a socket's name; no name, or systemd's "unknown", means grpc. False: another name. */
static bool read_scheme(const char *name, size_t len, struct address *address)
{
    for (enum scheme scheme = SCHEME_GRPC; scheme <= SCHEME_HTTPS; scheme++)
        if (name_is(name, len, scheme_name(scheme))) {
            address->scheme = scheme;
            return true;
        }
    address->scheme = SCHEME_GRPC;
    return len == 0 || name_is(name, len, "unknown");
}

static void remove_scheme(struct address_list *list, enum scheme scheme)
{
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].scheme != scheme || list->items[i].fd)
            list->items[n++] = list->items[i];
    list->n = n;
}

static int put(struct address_list *list, const struct address *address)
{
    remove_scheme(list, address->scheme);
    if (list->n == ADDRESS_LIST_MAX)
        return UV_ENOBUFS;
    list->items[list->n++] = *address;
    return 0;
}

/* How many sockets were passed to this process. */
static int count(void)
{
    const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
    return pid && n && strtol(pid, NULL, 10) == getpid() ? atoi(n) : 0;
}

int handed_replace(struct address_list *server, struct address_list *admin, char why[static HANDED_WHY_LEN])
{
    const char *names = getenv("LISTEN_FDNAMES") ?: "", *name;
    int n = count();
    for (int i = 0; i < n; i++) {
        struct address address = { 0 };
        size_t len = next_name(&names, &name);
        bool is_admin = name_is(name, len, "admin");
        if (!read_socket(FIRST_FD + i, &address)) {
            snprintf(why, HANDED_WHY_LEN, "descriptor %d is no stream socket that listens", FIRST_FD + i);
            return UV_EINVAL;
        }
        bool is_named = read_scheme(name, len, &address);
        if (is_admin || address.socket.ss_family == AF_UNIX)
            address.scheme = SCHEME_HTTP;
        else if (!is_named) {
            snprintf(why, HANDED_WHY_LEN,
                     "a socket is called \"%.*s\"; expected FileDescriptorName= grpc, http, https or admin",
                     (int)(len < 40 ? len : 40), name);
            return UV_EINVAL;
        }
        if (put(is_admin ? admin : server, &address)) {
            snprintf(why, HANDED_WHY_LEN, "there are more than %d sockets", ADDRESS_LIST_MAX);
            return UV_ENOBUFS;
        }
    }
    return 0;
}
