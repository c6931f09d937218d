/* SPDX-License-Identifier: MIT
 *
 * The types of values that are lists, separated by commas: hosts, ports, addresses, networks, origins.
 */
#include "config/config_types.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/address.h"
#include "base/origin.h"
#include "config/config.h"

/* Calls `add` for each part of a comma-separated list, without the spaces around it; empty parts are an
 * error. */
static int split_list(const char *value, int (*add)(void *list, const char *part), void *list)
{
    for (;;) {
        char part[300];
        value += strspn(value, " \t");
        size_t len = strcspn(value, ",");
        const char *rest = value + len;
        while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
            len--;
        if (len == 0 || len >= sizeof part)
            return UV_EINVAL;
        memcpy(part, value, len);
        part[len] = '\0';
        int rc = add(list, part);
        if (rc < 0 || !*rest)
            return rc;
        value = rest + 1;
    }
}

/* A list as libpq expects it: without blanks around the commas. */
struct parts {
    char text[4096];
    size_t len, n;
};

static int parts_add(void *member, const char *part)
{
    struct parts *list = member;
    size_t more = strlen(part) + (list->n > 0);
    if (list->len + more >= sizeof list->text)
        return UV_EINVAL;
    list->len += (size_t)sprintf(list->text + list->len, "%s%s", list->n++ ? "," : "", part);
    return 0;
}

static int ports_add(void *member, const char *part)
{
    int port;
    return config_number_parse(part, 1, 65535, &port) ? UV_EINVAL : parts_add(member, part);
}

static int parts_parse(const struct config_key *key, const char *value, void *member,
                       int (*add)(void *list, const char *part))
{
    struct parts list = { .n = 0 };
    int rc = *value ? split_list(value, add, &list) : 0;
    return rc ? rc : config_text_parse(key, list.text, member);
}

static int ports_parse(const struct config_key *key, const char *value, void *member)
{
    return parts_parse(key, value, member, ports_add);
}

static void ports_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(text, CONFIG_EXPECTED_LEN,
             "a port from 1 to 65535, or one for each host, separated by commas, or nothing for libpq's "
             "default");
}

/* Neither a URL nor brackets, a port, blanks or quotes. */
static bool is_host(const char *part)
{
    static const char of_names[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    char address[INET6_ADDRSTRLEN];
    struct in6_addr any;
    snprintf(address, sizeof address, "%.*s", (int)strcspn(part, "%"), part); /* fe80::1%eth0 */
    bool is_folder = *part == '/' || *part == '@';
    return is_folder || part[strspn(part, of_names)] == '\0' || inet_pton(AF_INET6, address, &any) == 1;
}

static int hosts_add(void *member, const char *part)
{
    struct parts *list = member;
    if (list->n == CONFIG_HOSTS_MAX)
        return UV_ENOBUFS;
    return is_host(part) && strlen(part) <= CONFIG_HOST_MAX_LEN ? parts_add(list, part) : UV_EINVAL;
}

static int hosts_parse(const struct config_key *key, const char *value, void *member)
{
    return parts_parse(key, value, member, hosts_add);
}

static void hosts_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    snprintf(text, CONFIG_EXPECTED_LEN,
             "names, addresses (without brackets) or folders of sockets, separated by commas, at most %d, or "
             "nothing; ports are set by %s.%s",
             CONFIG_HOSTS_MAX, key->section, strcmp(key->name, "host") == 0 ? "port" : "read_port");
}

static int listen_add(void *list, const char *part)
{
    return address_list_add(list, part);
}

static int listen_parse(const struct config_key *key, const char *value, void *member)
{
    (void)key;
    struct address_list list = { .n = 0 };
    int rc = split_list(value, listen_add, &list);
    if (rc == 0)
        *(struct address_list *)member = list;
    return rc;
}

static void listen_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(
        text, CONFIG_EXPECTED_LEN,
        "ADDRESS:PORT, http://ADDRESS:PORT, https://ADDRESS:PORT or unix:/PATH, separated by commas, at most "
        "%d (127.0.0.1:50051, [::1]:50051; port 0: any free one)",
        ADDRESS_LIST_MAX);
}

static int admin_add(void *member, const char *part)
{
    struct address_list *list = member;
    if (strstr(part, "://") || strncmp(part, "unix:", 5) == 0)
        return UV_EINVAL;
    int rc = address_list_add(list, part);
    if (!rc)
        list->items[list->n - 1].scheme = SCHEME_HTTP;
    return rc;
}

static int admin_parse(const struct config_key *key, const char *value, void *member)
{
    (void)key;
    struct address_list list = { .n = 0 };
    int rc = *value ? split_list(value, admin_add, &list) : 0;
    if (rc == 0)
        *(struct address_list *)member = list;
    return rc;
}

static void admin_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(text, CONFIG_EXPECTED_LEN,
             "ADDRESS:PORT, separated by commas (127.0.0.1:50080; port 0: any free one), or nothing");
}

static int networks_add(void *member, const char *part)
{
    struct network_list *list = member;
    if (list->n == ADDRESS_LIST_MAX)
        return UV_ENOBUFS;
    return network_parse(&list->items[list->n++], part);
}

static int networks_parse(const struct config_key *key, const char *value, void *member)
{
    (void)key;
    struct network_list list = { .n = 0 };
    int rc = *value ? split_list(value, networks_add, &list) : 0;
    if (rc == 0)
        *(struct network_list *)member = list;
    return rc;
}

static void networks_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(text, CONFIG_EXPECTED_LEN,
             "ADDRESS or ADDRESS/BITS, separated by commas, at most %d (10.0.0.0/8, 2001:db8::1; no bits set "
             "after BITS), or nothing",
             ADDRESS_LIST_MAX);
}

static int origins_add(void *member, const char *part)
{
    return origin_is_valid(part, strlen(part)) ? parts_add(member, part) : UV_EINVAL;
}

static int origins_parse(const struct config_key *key, const char *value, void *member)
{
    struct parts list = { .n = 0 };
    bool is_list = *value && strcmp(value, "*") != 0;
    int rc = is_list ? split_list(value, origins_add, &list) : 0;
    return rc ? rc : config_text_parse(key, is_list ? list.text : value, member);
}

static void origins_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(text, CONFIG_EXPECTED_LEN,
             "SCHEME://HOST or SCHEME://HOST:PORT, separated by commas (https://app.example.org, "
             "http://localhost:5173; as browsers send it: lower case, no path, no slash at the end, no :443 "
             "or :80), or *, or nothing");
}

const struct config_type config_type_ports = { ports_parse, ports_expect, config_text_finish };
const struct config_type config_type_hosts = { hosts_parse, hosts_expect, config_text_finish };
const struct config_type config_type_listen = { listen_parse, listen_expect, NULL };
const struct config_type config_type_admin = { admin_parse, admin_expect, NULL };
const struct config_type config_type_networks = { networks_parse, networks_expect, NULL };
const struct config_type config_type_origins = { origins_parse, origins_expect, config_text_finish };
