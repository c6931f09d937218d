/* SPDX-License-Identifier: MIT */
#include "base/origin.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *scheme, *port;
} usual_ports[] = { { "http", "80" }, { "https", "443" } };

static bool has_only(const char *text, size_t len, const char *allowed)
{
    return strspn(text, allowed) >= len;
}

static bool is_port(const char *scheme, size_t scheme_len, const char *port, size_t len)
{
    if (len == 0 || len > 5 || !has_only(port, len, "0123456789") || *port == '0' || atoi(port) > 65535)
        return false;
    for (size_t i = 0; i < sizeof usual_ports / sizeof *usual_ports; i++)
        if (strlen(usual_ports[i].scheme) == scheme_len &&
            memcmp(usual_ports[i].scheme, scheme, scheme_len) == 0 && strlen(usual_ports[i].port) == len &&
            memcmp(usual_ports[i].port, port, len) == 0)
            return false;
    return true;
}

static bool is_host(const char *host, size_t len)
{
    if (len > 2 && host[0] == '[')
        return host[len - 1] == ']' && has_only(host + 1, len - 2, "0123456789abcdef:.");
    return len > 0 && has_only(host, len, "abcdefghijklmnopqrstuvwxyz0123456789-._");
}

bool origin_is_valid(const char *origin, size_t len)
{
    char text[ORIGIN_LEN_MAX];
    if (len >= sizeof text || memchr(origin, '\0', len))
        return false;
    memcpy(text, origin, len);
    text[len] = '\0';
    const char *mark = strstr(text, "://");
    size_t scheme_len = mark ? (size_t)(mark - text) : 0;
    if (!scheme_len || text[0] < 'a' || text[0] > 'z' ||
        !has_only(text, scheme_len, "abcdefghijklmnopqrstuvwxyz0123456789+-."))
        return false;
    const char *host = mark + 3, *end = host[0] == '[' ? strchr(host, ']') : NULL;
    size_t host_len = end ? (size_t)(end + 1 - host) : strcspn(host, ":");
    const char *rest = host + host_len;
    return is_host(host, host_len) &&
           (!*rest || (*rest == ':' && is_port(text, scheme_len, rest + 1, strlen(rest + 1))));
}

bool origin_is_listed(const char *list, const char *origin, size_t len)
{
    if (strcmp(list, "*") == 0)
        return true;
    while (*list) {
        size_t n = strcspn(list, ",");
        if (n == len && memcmp(list, origin, len) == 0)
            return true;
        list += n + (list[n] == ',');
    }
    return false;
}

/* Origins never contain their scheme's default port. */
static size_t len_without_usual_port(const char *scheme, const char *authority, size_t len)
{
    for (size_t i = 0; i < sizeof usual_ports / sizeof *usual_ports; i++) {
        size_t n = strlen(usual_ports[i].port);
        if (strcmp(usual_ports[i].scheme, scheme) == 0 && len > n + 1 && authority[len - n - 1] == ':' &&
            memcmp(authority + len - n, usual_ports[i].port, n) == 0)
            return len - n - 1;
    }
    return len;
}

bool origin_is_own(const char *origin, size_t len, const char *scheme, const char *authority,
                   size_t authority_len)
{
    size_t scheme_len = strlen(scheme), rest = scheme_len + 3;
    authority_len = len_without_usual_port(scheme, authority, authority_len);
    return authority_len > 0 && len == rest + authority_len && memcmp(origin, scheme, scheme_len) == 0 &&
           memcmp(origin + scheme_len, "://", 3) == 0 &&
           strncasecmp(origin + rest, authority, authority_len) == 0;
}
