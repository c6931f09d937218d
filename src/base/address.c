/* SPDX-License-Identifier: MIT
 *
 * Addresses: parsing, printing, membership in networks.
 */
#include "base/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <uv.h>

static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

static bool is_v4(const struct ip *ip)
{
    return memcmp(ip->bytes, v4_prefix, sizeof v4_prefix) == 0;
}

static in_port_t port_of(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
                                    : ((const struct sockaddr_in *)a)->sin_port;
}

static bool is_wildcard(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET6)
        return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)a)->sin6_addr);
    return ((const struct sockaddr_in *)a)->sin_addr.s_addr == htonl(INADDR_ANY);
}

static bool same_ip(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    struct ip x, y;
    return ip_from_sockaddr(&x, (const struct sockaddr *)a) == 0 &&
           ip_from_sockaddr(&y, (const struct sockaddr *)b) == 0 && memcmp(&x, &y, sizeof x) == 0;
}

bool address_overlaps(const struct address *a, const struct address *b)
{
    const struct sockaddr_storage *x = &a->socket, *y = &b->socket;
    if (x->ss_family != y->ss_family)
        return false;
    if (x->ss_family == AF_UNIX)
        return strcmp(((const struct sockaddr_un *)x)->sun_path, ((const struct sockaddr_un *)y)->sun_path) ==
               0;
    return port_of(x) == port_of(y) && port_of(x) != 0 && (is_wildcard(x) || is_wildcard(y) || same_ip(x, y));
}

/* Binding a port to both a wildcard and a specific address fails, so a list with both is taken to mean the
 * wildcard. */
static bool covers(const struct address *a, const struct address *b)
{
    const struct sockaddr_storage *x = &a->socket, *y = &b->socket;
    return a->scheme == b->scheme && address_overlaps(a, b) &&
           (x->ss_family == AF_UNIX || is_wildcard(x) || same_ip(x, y));
}

static int list_append(struct address_list *list, enum scheme scheme, const struct sockaddr *address,
                       size_t len)
{
    struct address added = { .scheme = scheme };
    memcpy(&added.socket, address, len);

    size_t kept = 0;
    for (size_t i = 0; i < list->n; i++) {
        if (covers(&list->items[i], &added))
            return 0;
        if (!covers(&added, &list->items[i]))
            list->items[kept++] = list->items[i];
    }
    list->n = kept;
    if (list->n == ADDRESS_LIST_MAX)
        return UV_ENOBUFS;
    list->items[list->n++] = added;
    return 0;
}

bool address_list_has(const struct address_list *list, enum scheme scheme)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].scheme == scheme)
            return true;
    return false;
}

/* Splits "host:port" or "[host]:port"; *port points into text. */
static int split_host_port(const char *text, char *host, size_t host_size, const char **port)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text)
        return UV_EINVAL;
    const char *begin = text, *end = colon;
    if (*text == '[') {
        if (end[-1] != ']')
            return UV_EINVAL;
        begin++;
        end--;
    } else if (memchr(text, ':', (size_t)(colon - text))) {
        return UV_EINVAL;
    }
    size_t len = (size_t)(end - begin);
    if (len == 0 || len >= host_size)
        return UV_EINVAL;
    memcpy(host, begin, len);
    host[len] = '\0';

    size_t digits = strspn(colon + 1, "0123456789");
    if (digits == 0 || digits > 5 || colon[1 + digits] || atoi(colon + 1) > 65535)
        return UV_EINVAL;
    *port = colon + 1;
    return 0;
}

static int add_path(struct address_list *list, const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    size_t len = strlen(path);
    if (*path != '/')
        return UV_EINVAL;
    if (len >= sizeof un.sun_path || len + sizeof "unix:" > ADDRESS_TEXT_LEN)
        return UV_ENAMETOOLONG;
    memcpy(un.sun_path, path, len);
    return list_append(list, SCHEME_HTTP, (struct sockaddr *)&un, sizeof un);
}

static int add_host(struct address_list *list, enum scheme scheme, const char *text)
{
    char host[256];
    const char *port;
    int rc = split_host_port(text, host, sizeof host, &port);
    if (rc < 0)
        return rc;

    const struct addrinfo numeric = { .ai_socktype = SOCK_STREAM,
                                      .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV };
    const struct addrinfo named = { .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_PASSIVE | AI_ADDRCONFIG | AI_NUMERICSERV };
    struct addrinfo *found;
    if (getaddrinfo(host, port, &numeric, &found) != 0) {
        if (*text == '[')
            return UV_EINVAL;
        if (getaddrinfo(host, port, &named, &found) != 0)
            return UV_EAI_NONAME;
    }
    rc = 0;
    for (struct addrinfo *a = found; a && rc == 0; a = a->ai_next)
        rc = list_append(list, scheme, a->ai_addr, a->ai_addrlen);
    freeaddrinfo(found);
    return rc;
}

static const char *const scheme_names[] = {
    [SCHEME_GRPC] = "grpc", [SCHEME_HTTP] = "http", [SCHEME_HTTPS] = "https"
};

const char *scheme_name(enum scheme scheme)
{
    return scheme_names[scheme];
}

int address_list_add(struct address_list *list, const char *text)
{
    const char *rest = strstr(text, "://");
    if (strncmp(text, "unix:", 5) == 0)
        return add_path(list, text + 5);
    if (!rest)
        return add_host(list, SCHEME_GRPC, text);
    for (enum scheme scheme = SCHEME_GRPC; scheme <= SCHEME_HTTPS; scheme++)
        if (strlen(scheme_names[scheme]) == (size_t)(rest - text) &&
            strncmp(text, scheme_names[scheme], (size_t)(rest - text)) == 0)
            return add_host(list, scheme, rest + 3);
    return UV_EINVAL;
}

socklen_t address_len(const struct sockaddr *address)
{
    switch (address->sa_family) {
    case AF_INET:
        return sizeof(struct sockaddr_in);
    case AF_INET6:
        return sizeof(struct sockaddr_in6);
    default:
        return sizeof(struct sockaddr_un);
    }
}

void address_format(const struct sockaddr *address, char text[static ADDRESS_TEXT_LEN])
{
    char host[INET6_ADDRSTRLEN];
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        snprintf(text, ADDRESS_TEXT_LEN, "%s:%d", host, ntohs(in->sin_port));
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
        snprintf(text, ADDRESS_TEXT_LEN, "[%s]:%d", host, ntohs(in6->sin6_port));
    } else if (address->sa_family == AF_UNIX) {
        snprintf(text, ADDRESS_TEXT_LEN, "unix:%s", ((const struct sockaddr_un *)address)->sun_path);
    } else {
        snprintf(text, ADDRESS_TEXT_LEN, "unknown");
    }
}

bool address_is_loopback(const struct sockaddr *address)
{
    struct ip ip;
    static const uint8_t v6_loopback[16] = { [15] = 1 };
    if (ip_from_sockaddr(&ip, address))
        return false;
    bool is_v4 = memcmp(ip.bytes, v4_prefix, sizeof v4_prefix) == 0;
    return is_v4 ? ip.bytes[12] == 127 : memcmp(ip.bytes, v6_loopback, sizeof v6_loopback) == 0;
}

void ip_format(const struct ip *ip, char text[static ADDRESS_TEXT_LEN])
{
    bool is_v4 = memcmp(ip->bytes, v4_prefix, sizeof v4_prefix) == 0;
    inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? ip->bytes + sizeof v4_prefix : ip->bytes, text,
              ADDRESS_TEXT_LEN);
}

int ip_from_sockaddr(struct ip *ip, const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        memcpy(ip->bytes, v4_prefix, sizeof v4_prefix);
        memcpy(ip->bytes + sizeof v4_prefix, &((const struct sockaddr_in *)address)->sin_addr, 4);
        return 0;
    }
    if (address->sa_family == AF_INET6) {
        memcpy(ip->bytes, &((const struct sockaddr_in6 *)address)->sin6_addr, sizeof ip->bytes);
        return 0;
    }
    return UV_EAFNOSUPPORT;
}

/* Reads an address without port and brackets. */
static int ip_parse_bare(struct ip *ip, const char *text)
{
    memcpy(ip->bytes, v4_prefix, sizeof v4_prefix);
    if (inet_pton(AF_INET, text, ip->bytes + sizeof v4_prefix) == 1 ||
        inet_pton(AF_INET6, text, ip->bytes) == 1)
        return 0;
    return UV_EINVAL;
}

int ip_parse(struct ip *ip, const char *text, size_t len)
{
    char host[ADDRESS_TEXT_LEN], whole[ADDRESS_TEXT_LEN];
    if (len >= sizeof whole)
        return UV_EINVAL;
    memcpy(whole, text, len);
    whole[len] = '\0';
    if (ip_parse_bare(ip, whole) == 0)
        return 0;
    if (whole[0] == '[' && len > 2 && whole[len - 1] == ']') {
        whole[len - 1] = '\0';
        return ip_parse_bare(ip, whole + 1);
    }
    const char *port;
    int rc = split_host_port(whole, host, sizeof host, &port);
    return rc < 0 ? rc : ip_parse_bare(ip, host);
}

static void ip_mask(struct ip *ip, int bits)
{
    for (int i = 0; i < 16; i++) {
        int keep = bits - 8 * i;
        if (keep <= 0)
            ip->bytes[i] = 0;
        else if (keep < 8)
            ip->bytes[i] &= (uint8_t)(0xff << (8 - keep));
    }
}

int network_parse(struct network *network, const char *text)
{
    char host[ADDRESS_TEXT_LEN];
    size_t len = strcspn(text, "/");
    const char *slash = text + len;
    if (len >= sizeof host)
        return UV_EINVAL;
    memcpy(host, text, len);
    host[len] = '\0';
    if (ip_parse_bare(&network->ip, host) < 0)
        return UV_EINVAL;

    int offset = strchr(host, ':') ? 0 : 96;
    network->bits = 128;
    if (*slash) {
        size_t digits = strspn(slash + 1, "0123456789");
        if (digits == 0 || digits > 3 || slash[1 + digits])
            return UV_EINVAL;
        network->bits = offset + atoi(slash + 1);
        if (network->bits > 128)
            return UV_EINVAL;
    }
    struct ip masked = network->ip;
    ip_mask(&masked, network->bits);
    return memcmp(&masked, &network->ip, sizeof masked) == 0 ? 0 : UV_EINVAL;
}

bool network_list_contains(const struct network_list *list, const struct ip *ip)
{
    for (size_t i = 0; i < list->n; i++) {
        struct ip masked = *ip;
        ip_mask(&masked, list->items[i].bits);
        if (memcmp(&masked, &list->items[i].ip, sizeof masked) == 0)
            return true;
    }
    return false;
}

bool ip_of_client(struct ip *client, const struct ip *peer, const char *forwarded_for,
                  const struct network_list *trusted)
{
    if (!network_list_contains(trusted, peer)) {
        *client = *peer;
        return true;
    }
    if (!forwarded_for)
        return false;
    /* From the right: each proxy appends the address of its peer, so what stands left of an address is only
     * as trustworthy as that address. */
    for (size_t begin, end = strlen(forwarded_for);; end = begin - 1) {
        begin = end;
        while (begin > 0 && forwarded_for[begin - 1] != ',')
            begin--;
        const char *part = forwarded_for + begin;
        size_t blanks = strspn(part, " \t"), len = end - begin;
        while (len > blanks && strchr(" \t", part[len - 1]))
            len--;
        if (len <= blanks || ip_parse(client, part + blanks, len - blanks) < 0)
            return false;
        if (begin == 0 || !network_list_contains(trusted, client))
            return true;
    }
}

void ip_keep_site(struct ip *ip)
{
    if (!is_v4(ip))
        ip_mask(ip, 64);
}
