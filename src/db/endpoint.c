/* SPDX-License-Identifier: MIT
 *
 * The threads are not of libuv's pool, because those are joined when the process ends, and these may hang in
 * the resolver. So loop and thread own a lookup together, and the last of them frees it. Several names are
 * looked up at the same time, each by a thread of its own, so that one that hangs holds up no other.
 */
#include "db/endpoint.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/detached.h"

#define WITH_PREFERRED_MS 250  /* how long other names are waited for once the preferred host is found */
#define WITH_ANY_MS       5000 /* and once any host is found */
#define NAME_THREADS_MAX  256  /* of all lookups: more are not started while a resolver hangs */

struct lookup {
    uv_async_t done;
    pthread_mutex_t lock;
    bool abandoned; /* under the lock; `done` is closed, or about to be */
    int owners;     /* under the lock; loop and thread, as far as they still use it */
    char *hosts, *ports;
    char preferred[256];
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

void endpoint_format(const struct endpoint *endpoint, char text[static ENDPOINT_TEXT_LEN])
{
    const char *host = endpoint->host, *address = endpoint->address;
    bool has_both = *host && *address && strcmp(host, address) != 0;
    snprintf(text, ENDPOINT_TEXT_LEN, "%s%s%s%s%s%s",
             *host      ? host
             : *address ? address
                        : "by default",
             has_both ? " (" : "", has_both ? address : "", has_both ? ")" : "",
             *endpoint->port ? ", port " : "", endpoint->port);
}

static void find_host(struct endpoints *found, const struct endpoint *part)
{
    const char *host = part->host;
    if (needs_resolver(host))
        resolve(found, host, part->port);
    else
        add(found, host, *host && *host != '/' && *host != '@' ? host : "", part->port);
}

/* ---- several hosts at the same time ---- */

struct search;

struct name {
    struct search *search;
    struct endpoint part;
    struct endpoints found; /* its thread's until is_done */
    bool is_done;           /* under the search's lock */
};

/* Owned together by who waits for it and by the threads of its names. */
struct search {
    pthread_mutex_t lock;
    pthread_cond_t name_done;
    size_t owners; /* under the lock */
    size_t n;
    struct name names[];
};

static atomic_uint name_threads;

static struct search *search_create(const struct endpoint *parts, size_t n)
{
    struct search *search = calloc(1, sizeof *search + n * sizeof *search->names);
    pthread_condattr_t attributes;
    if (!search)
        return NULL;
    pthread_mutex_init(&search->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&search->name_done, &attributes);
    pthread_condattr_destroy(&attributes);
    search->owners = 1;
    search->n = n;
    for (size_t i = 0; i < n; i++)
        search->names[i] = (struct name){ .search = search, .part = parts[i] };
    return search;
}

/* Call with the lock held; it is given back. */
static void search_leave(struct search *search)
{
    bool last = --search->owners == 0;
    pthread_mutex_unlock(&search->lock);
    if (!last)
        return;
    pthread_cond_destroy(&search->name_done);
    pthread_mutex_destroy(&search->lock);
    free(search);
}

static void *run_name(void *arg)
{
    struct name *name = arg;
    struct search *search = name->search;
    find_host(&name->found, &name->part);
    atomic_fetch_sub(&name_threads, 1);
    pthread_mutex_lock(&search->lock);
    name->is_done = true;
    pthread_cond_signal(&search->name_done);
    search_leave(search);
    return NULL;
}

/* Call with the lock held. A name whose thread cannot be started counts as one that was not found. */
static void start_name(struct search *search, struct name *name)
{
    if (!needs_resolver(name->part.host)) {
        find_host(&name->found, &name->part);
        name->is_done = true;
        return;
    }
    bool is_started =
        atomic_fetch_add(&name_threads, 1) < NAME_THREADS_MAX && !detached_start(run_name, name);
    search->owners += is_started;
    name->is_done = !is_started;
    if (!is_started)
        atomic_fetch_sub(&name_threads, 1);
}

/* How long, from the beginning, names that are still looked up are to be waited for; -1: until one is found.
 */
static int patience_ms(const struct search *search, const char *preferred)
{
    bool any_found = false;
    for (size_t i = 0; i < search->n; i++) {
        const struct name *name = &search->names[i];
        bool is_found = name->is_done && name->found.n > 0;
        if (is_found && *preferred && strcmp(name->part.host, preferred) == 0)
            return WITH_PREFERRED_MS;
        any_found |= is_found;
    }
    return any_found ? WITH_ANY_MS : -1;
}

static bool is_all_done(const struct search *search)
{
    for (size_t i = 0; i < search->n; i++)
        if (!search->names[i].is_done)
            return false;
    return true;
}

/* Call with the lock held. */
static void search_wait(struct search *search, const char *preferred)
{
    struct timespec begun, end;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (int rc = 0; rc == 0 && !is_all_done(search);) {
        int ms = patience_ms(search, preferred);
        end = begun;
        end.tv_sec += ms / 1000;
        end.tv_nsec += ms % 1000 * 1000000L;
        end.tv_sec += end.tv_nsec / 1000000000;
        end.tv_nsec %= 1000000000;
        rc = ms < 0 ? pthread_cond_wait(&search->name_done, &search->lock)
                    : pthread_cond_timedwait(&search->name_done, &search->lock, &end);
    }
}

static void collect(struct endpoints *found, const struct name *name)
{
    if (!name->is_done || (name->found.n == 0 && !*name->found.error))
        snprintf(found->error, sizeof found->error, "the host name %.100s is still being looked up",
                 name->part.host);
    else if (name->found.n == 0)
        memcpy(found->error, name->found.error, sizeof found->error);
    for (size_t i = 0; name->is_done && i < name->found.n && found->n < ENDPOINTS_MAX; i++)
        found->items[found->n++] = name->found.items[i];
}

static void find(struct endpoints *found, const char *hosts, const char *ports, const char *preferred)
{
    struct endpoint parts[ENDPOINTS_MAX];
    size_t n = endpoint_split(hosts, ports, parts, ENDPOINTS_MAX);
    struct search *search = n > 1 ? search_create(parts, n) : NULL;
    if (!search) {
        for (size_t i = 0; i < n; i++)
            find_host(found, &parts[i]);
        return;
    }
    pthread_mutex_lock(&search->lock);
    for (size_t i = 0; i < n; i++)
        start_name(search, &search->names[i]);
    search_wait(search, preferred);
    for (size_t i = 0; i < n; i++)
        collect(found, &search->names[i]);
    search_leave(search);
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
    find(&lookup->found, lookup->hosts, lookup->ports, lookup->preferred);
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

int lookup_start(struct lookup **started, uv_loop_t *loop, const char *hosts, const char *address,
                 const char *ports, const char *preferred,
                 void (*on_found)(void *data, const struct endpoints *found), void *data)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup)
        return UV_ENOMEM;
    *lookup = (struct lookup){
        .hosts = strdup(hosts), .ports = strdup(ports), .owners = 1, .on_found = on_found, .data = data
    };
    snprintf(lookup->preferred, sizeof lookup->preferred, "%s", preferred);
    pthread_mutex_init(&lookup->lock, NULL);
    int rc = lookup->hosts && lookup->ports ? uv_async_init(loop, &lookup->done, on_done) : UV_ENOMEM;
    if (rc) {
        leave(lookup);
        return rc;
    }
    lookup->done.data = lookup;
    if (*address) {
        add(&lookup->found, hosts, address, ports);
        uv_async_send(&lookup->done);
    } else if (any_needs_resolver(hosts)) {
        lookup->owners++;
        rc = detached_start(run, lookup);
    } else {
        find(&lookup->found, hosts, ports, preferred);
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
