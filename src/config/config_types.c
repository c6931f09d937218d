/* SPDX-License-Identifier: MIT
 *
 * For each type of value: how it is parsed, and how its valid values are described in errors.
 */
#include "config/config_types.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/address.h"
#include "base/cron.h"
#include "base/origin.h"

static int parse_number(const char *value, int min, int max, int *number)
{
    size_t digits = strspn(value, "0123456789");
    if (digits == 0 || value[digits] || digits > 9)
        return UV_EINVAL;
    int parsed = atoi(value);
    if (parsed < min || parsed > max)
        return UV_EINVAL;
    *number = parsed;
    return 0;
}

static int int_parse(const struct config_key *key, const char *value, void *member)
{
    return parse_number(value, key->min, key->max, member);
}

static void int_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    snprintf(text, CONFIG_EXPECTED_LEN, "a whole number of %s from %d to %d", key->unit, key->min, key->max);
}

static int choice_parse(const struct config_key *key, const char *value, void *member)
{
    for (int i = 0; key->choices[i]; i++) {
        if (strcmp(key->choices[i], value) == 0) {
            *(int *)member = i;
            return 0;
        }
    }
    return UV_EINVAL;
}

static void choice_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    size_t len = 0;
    for (int i = 0; key->choices[i] && len < CONFIG_EXPECTED_LEN; i++) {
        const char *glue = i == 0 ? "" : key->choices[i + 1] ? ", " : " or ";
        len += (size_t)snprintf(text + len, CONFIG_EXPECTED_LEN - len, "%s%s", glue, key->choices[i]);
    }
}

/* Only digits with or without a point. strtod() is not used: it also takes exponents, hexadecimal and "inf",
 * and its decimal point depends on the locale. */
static int share_parse(const struct config_key *key, const char *value, void *member)
{
    size_t whole = strspn(value, "0123456789"), digits = 0;
    (void)key;
    if (value[whole] == '.')
        digits = strspn(value + whole + 1, "0123456789");
    bool has_point = value[whole] == '.';
    if (whole == 0 || whole > 3 || digits > 9 || has_point != (digits > 0) ||
        value[whole + has_point + digits])
        return UV_EINVAL;
    double number = atoi(value), place = 1;
    for (size_t i = 0; i < digits; i++)
        number += (value[whole + 1 + i] - '0') * (place /= 10);
    if (number > 1)
        return UV_EINVAL;
    *(double *)member = number;
    return 0;
}

static void share_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(text, CONFIG_EXPECTED_LEN, "a number from 0 to 1 (0.05: one in twenty)");
}

static void text_finish(void *member)
{
    char **text = member;
    if (*text)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

static int text_parse(const struct config_key *key, const char *value, void *member)
{
    (void)key;
    char *copy = strdup(value);
    if (!copy)
        return UV_ENOMEM;
    text_finish(member);
    *(char **)member = copy;
    return 0;
}

/* HOST or HOST:PORT, IPv6 in brackets. */
static bool is_authority(const char *text, size_t len)
{
    const char *end = memchr(text, ']', len);
    size_t host_len = *text == '[' && end ? (size_t)(end + 1 - text) : 0;
    while (*text != '[' && host_len < len && text[host_len] != ':')
        host_len++;
    char port[6];
    size_t port_len = len - host_len - (len > host_len);
    int number;
    if (host_len == 0 || memchr(text, '@', len) || port_len >= sizeof port)
        return false;
    snprintf(port, sizeof port, "%.*s", (int)port_len, text + len - port_len);
    return len == host_len || (text[host_len] == ':' && parse_number(port, 1, 65535, &number) == 0);
}

/* URLs with a user are refused, since a password in them would appear in the log. */
static int url_parse(const struct config_key *key, const char *value, void *member)
{
    bool has_scheme = strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0;
    const char *host = has_scheme ? strstr(value, "://") + 3 : "";
    if (*value && !is_authority(host, strcspn(host, "/?#")))
        return UV_EINVAL;
    for (const char *c = value; *c; c++)
        if (*c <= ' ' || *c > '~')
            return UV_EINVAL;
    return text_parse(key, value, member);
}

static void url_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(text, CONFIG_EXPECTED_LEN,
             "http://HOST or https://HOST, with :PORT and /PATH or without, or nothing");
}

static void text_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(text, CONFIG_EXPECTED_LEN, "text");
}

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
    return parse_number(part, 1, 65535, &port) ? UV_EINVAL : parts_add(member, part);
}

static int parts_parse(const struct config_key *key, const char *value, void *member,
                       int (*add)(void *list, const char *part))
{
    struct parts list = { .n = 0 };
    int rc = *value ? split_list(value, add, &list) : 0;
    return rc ? rc : text_parse(key, list.text, member);
}

#define CREDENTIAL "credential:"

/* credential:NAME is a file that systemd passes by LoadCredential=. */
static int file_parse(const struct config_key *key, const char *value, void *member)
{
    char path[PATH_MAX];
    if (strncmp(value, CREDENTIAL, strlen(CREDENTIAL)) != 0)
        return text_parse(key, value, member);
    const char *folder = getenv("CREDENTIALS_DIRECTORY"), *name = value + strlen(CREDENTIAL);
    if (!folder || !*name || strchr(name, '/') ||
        (size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path || access(path, R_OK))
        return UV_EINVAL;
    return text_parse(key, path, member);
}

static void file_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(text, CONFIG_EXPECTED_LEN,
             "a file's path, or credential:NAME for a systemd credential (LoadCredential=NAME:PATH)");
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

/* A connection URL, as other programs take it in DATABASE_URL, is a likely mistake here. */
static int hosts_parse(const struct config_key *key, const char *value, void *member)
{
    return strstr(value, "://") ? UV_EINVAL : parts_parse(key, value, member, parts_add);
}

static void hosts_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(text, CONFIG_EXPECTED_LEN,
             "a name, an address or a folder, or several, separated by commas, or nothing");
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
    return rc ? rc : text_parse(key, is_list ? list.text : value, member);
}

static void origins_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(text, CONFIG_EXPECTED_LEN,
             "SCHEME://HOST or SCHEME://HOST:PORT, separated by commas (https://app.example.org, "
             "http://localhost:5173; as browsers send it: lower case, no path, no slash at the end, no :443 "
             "or :80), or *, or nothing");
}

static int schedule_parse(const struct config_key *key, const char *value, void *member)
{
    (void)key;
    return cron_parse(member, value);
}

static void schedule_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(text, CONFIG_EXPECTED_LEN,
             "minute hour day month weekday, in UTC, of *, numbers, A-B, /STEP and commas (0 0 * * 0: "
             "Sundays at 00:00)");
}

const struct config_type config_type_int = { int_parse, int_expect, NULL };
const struct config_type config_type_choice = { choice_parse, choice_expect, NULL };
const struct config_type config_type_share = { share_parse, share_expect, NULL };
const struct config_type config_type_url = { url_parse, url_expect, text_finish };
const struct config_type config_type_file = { file_parse, file_expect, text_finish };
const struct config_type config_type_text = { text_parse, text_expect, text_finish };
const struct config_type config_type_ports = { ports_parse, ports_expect, text_finish };
const struct config_type config_type_hosts = { hosts_parse, hosts_expect, text_finish };
const struct config_type config_type_listen = { listen_parse, listen_expect, NULL };
const struct config_type config_type_admin = { admin_parse, admin_expect, NULL };
const struct config_type config_type_networks = { networks_parse, networks_expect, NULL };
const struct config_type config_type_origins = { origins_parse, origins_expect, text_finish };
const struct config_type config_type_schedule = { schedule_parse, schedule_expect, NULL };
