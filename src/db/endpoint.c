/* SPDX-License-Identifier: MIT
 *
 * The thread is not one of libuv's pool, because those are joined when the process ends, and this one may
 * hang in the resolver. So loop and thread own a lookup together, and the last of them frees it.
 */
#include "db/endpoint.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lookup {
    uv_async_t done;
    pthread_mutex_t lock;
    bool abandoned; /* under the lock; `done` is closed, or about to be */
    int owners;     /* under the lock; loop and thread, as far as they still use it */
    char *hosts, *ports;
    struct endpoints found;
    void (*on_found)(void *data, const struct endpoints *found);
    void *data;
};

/* ---- hosts into endpoints ---- */

static bool needs_resolver(const char *host)
{
    struct in6_addr any;
    return *host && *host != '/' && *host != '@' && inet_pton(AF_INET, host, &any) != 1 &&
           inet_pton(AF_INET6, host, &any) != 1;
}

static void add(struct endpoints *found, const char *host, const char *address, const char *port)
{
    if (found->n == ENDPOINTS_MAX)
        return;
    struct endpoint *endpoint = &found->items[found->n++];
    snprintf(endpoint->host, sizeof endpoint->host, "%s", host);
    snprintf(endpoint->address, sizeof endpoint->address, "%s", address);
    snprintf(endpoint->port, sizeof endpoint->port, "%s", port);
}

static void resolve(struct endpoints *found, const char *host, const char *port)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
    int rc = getaddrinfo(host, NULL, &hints, &list);
    if (rc) {
        snprintf(found->error, sizeof found->error, "the host name %.100s cannot be resolved: %s", host,
                 gai_strerror(rc));
        return;
    }
    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        char address[64];
        if (getnameinfo(a->ai_addr, a->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST) == 0)
            add(found, host, address, port);
    }
    freeaddrinfo(list);
}

/* Copies the part of a list that *at points to, and moves on to the next. At the end it stays at the last
 * part, which so counts for all that follow, and returns false. */
static bool next_part(const char **at, char *part, size_t size)
{
    size_t len = strcspn(*at, ",");
    snprintf(part, size, "%.*s", (int)(len < size ? len : size - 1), *at);
    if ((*at)[len] != ',')
        return false;
    *at += len + 1;
    return true;
}

size_t endpoint_split(const char *hosts, const char *ports, struct endpoint *endpoints, size_t max)
{
    size_t n = 0;
    for (bool more = true; more && n < max; n++) {
        endpoints[n].address[0] = '\0';
        more = next_part(&hosts, endpoints[n].host, sizeof endpoints[n].host);
        next_part(&ports, endpoints[n].port, sizeof endpoints[n].port);
    }
    return n;
}

static void find(struct endpoints *found, const char *hosts, const char *ports)
{
    struct endpoint parts[ENDPOINTS_MAX];
    size_t n = endpoint_split(hosts, ports, parts, ENDPOINTS_MAX);
    for (size_t i = 0; i < n; i++) {
        const char *host = parts[i].host;
        if (needs_resolver(host))
            resolve(found, host, parts[i].port);
        else
            add(found, host, *host && *host != '/' && *host != '@' ? host : "", parts[i].port);
    }
}

/* ---- off the loop ---- */

static void leave(struct lookup *lookup)
{
    pthread_mutex_lock(&lookup->lock);
    bool last = --lookup->owners == 0;
    pthread_mutex_unlock(&lookup->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&lookup->lock);
    free(lookup->hosts);
    free(lookup->ports);
    free(lookup);
}

static void *run(void *arg)
{
    struct lookup *lookup = arg;
    find(&lookup->found, lookup->hosts, lookup->ports);
    pthread_mutex_lock(&lookup->lock);
    if (!lookup->abandoned)
        uv_async_send(&lookup->done);
    pthread_mutex_unlock(&lookup->lock);
    leave(lookup);
    return NULL;
}

static void on_closed(uv_handle_t *handle)
{
    leave(handle->data);
}

void lookup_abandon(struct lookup *lookup)
{
    if (!lookup)
        return;
    pthread_mutex_lock(&lookup->lock);
    lookup->abandoned = true;
    pthread_mutex_unlock(&lookup->lock);
    uv_close((uv_handle_t *)&lookup->done, on_closed);
}

static void on_done(uv_async_t *done)
{
    struct lookup *lookup = done->data;
    void (*on_found)(void *, const struct endpoints *) = lookup->on_found;
    void *data = lookup->data;
    lookup_abandon(lookup); /* it lives until the handle is closed */
    on_found(data, &lookup->found);
}

static int start_thread(struct lookup *lookup)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 256 << 10);
    int rc = pthread_create(&thread, &attributes, run, lookup);
    pthread_attr_destroy(&attributes);
    return rc ? UV_EAGAIN : 0;
}

static bool any_needs_resolver(const char *hosts)
{
    char host[256];
    for (bool more = true; more;) {
        more = next_part(&hosts, host, sizeof host);
        if (needs_resolver(host))
            return true;
    }
    return false;
}

int lookup_start(struct lookup **started, uv_loop_t *loop, const char *hosts, const char *ports,
                 void (*on_found)(void *data, const struct endpoints *found), void *data)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup)
        return UV_ENOMEM;
    *lookup = (struct lookup){
        .hosts = strdup(hosts), .ports = strdup(ports), .owners = 1, .on_found = on_found, .data = data
    };
    pthread_mutex_init(&lookup->lock, NULL);
    int rc = lookup->hosts && lookup->ports ? uv_async_init(loop, &lookup->done, on_done) : UV_ENOMEM;
    if (rc) {
        leave(lookup);
        return rc;
    }
    lookup->done.data = lookup;
    if (any_needs_resolver(hosts)) {
        lookup->owners++;
        rc = start_thread(lookup);
    } else {
        find(&lookup->found, hosts, ports);
        uv_async_send(&lookup->done);
    }
    if (rc) {
        lookup->owners--;
        lookup_abandon(lookup);
        return rc;
    }
    *started = lookup;
    return 0;
}
