/* SPDX-License-Identifier: MIT
 *
 * Checks that concern more than one key, once all have been read.
 */
#include "config/loading.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/handed.h"
#include "base/secret.h"
#include "config/effective.h"

static void check_admin(struct load *load)
{
    const struct config *c = load->config;
    for (size_t i = 0; i < c->admin.listen.n && !*c->admin.token_file; i++) {
        const struct sockaddr *address = (const struct sockaddr *)&c->admin.listen.items[i].socket;
        char text[ADDRESS_TEXT_LEN];
        address_format(address, text);
        if (address->sa_family != AF_UNIX && !address_is_loopback(address))
            load_complain(
                load, (struct origin){ .name = "admin.listen" },
                "%s can be reached from elsewhere, and there is no admin.token_file; expected one, or a "
                "loopback "
                "address (127.0.0.1:50080)",
                text);
    }
}

/* Only for addresses that svcd itself opens: they would fail with "address already in use", by nobody else.
 */
static void check_overlap(struct load *load, const char *key, const struct address *one,
                          const struct address *other)
{
    char text[ADDRESS_TEXT_LEN], other_text[ADDRESS_TEXT_LEN];
    if (one->fd || other->fd || !address_overlaps(one, other))
        return;
    address_format((const struct sockaddr *)&one->socket, text);
    address_format((const struct sockaddr *)&other->socket, other_text);
    load_complain(load, (struct origin){ .name = key },
                  "%s (%s) and %s (%s of server.listen) cannot both be listened on; expected a port for each",
                  text, scheme_name(one->scheme), other_text, scheme_name(other->scheme));
}

static void check_overlaps(struct load *load)
{
    const struct address_list *server = &load->config->server.listen, *admin = &load->config->admin.listen;
    for (size_t i = 0; i < server->n; i++) {
        for (size_t j = 0; j < i; j++)
            if (server->items[i].scheme != server->items[j].scheme)
                check_overlap(load, "server.listen", &server->items[i], &server->items[j]);
        for (size_t j = 0; j < admin->n; j++)
            check_overlap(load, "admin.listen", &admin->items[j], &server->items[i]);
    }
}

static void load_password_file(struct load *load)
{
    const char *path = load->config->database.password_file;
    struct origin origin = { .name = "database.password_file" };
    if (!*path || *load->config->database.password)
        return;
    char line[SECRET_LINE_MAX + 1];
    int rc = secret_read(line, sizeof line, path);
    if (rc || !*line)
        load_complain(load, origin, "%s: %s; give a readable file whose first line is the password", path,
                      rc ? secret_read_error(rc) : "the first line is empty");
    char *password = strdup(line);
    explicit_bzero(line, sizeof line);
    if (!password) {
        load->rc = UV_ENOMEM;
        return;
    }
    free(load->config->database.password);
    load->config->database.password = password;
}

/* Neither is shown: there is a password in most of them. */
static void check_database_name(struct load *load)
{
    const char *name = load->config->database.name;
    bool is_url = strstr(name, "://"), is_string = strstr(name, "password=") || strstr(name, "dbname=");
    if (is_url || is_string)
        load_complain(load, (struct origin){ .name = "database.name" },
                      "is a %s; expected the database's name: host, port, user and password have keys of "
                      "their own",
                      is_url ? "URL" : "connection string");
}

static bool is_tls_mode(const char *mode)
{
    static const char *const modes[] = { "",        "disable",   "allow",      "prefer",
                                         "require", "verify-ca", "verify-full" };
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i], mode) == 0)
            return true;
    return false;
}

static size_t parts_n(const char *list)
{
    size_t n = *list != '\0';
    for (; *list; list++)
        n += *list == ',';
    return n;
}

static void check_ports(struct load *load, const char *name, const char *hosts, const char *ports)
{
    size_t hosts_n = parts_n(hosts), ports_n = parts_n(ports);
    if (hosts_n > 0 && ports_n > 1 && ports_n != hosts_n)
        load_complain(load, (struct origin){ .name = name },
                      "\"%s\" is %zu ports for %zu hosts; expected one, or one for each", ports, ports_n,
                      hosts_n);
}

/* libpq takes a list, one for each host. svcd connects to each host by itself, so which address is whose
 * would be lost. */
static void check_address(struct load *load)
{
    const struct config *c = load->config;
    struct in6_addr any;
    struct origin origin, hosts_origin;
    const char *address = load_variable(load, "PGHOSTADDR", &origin);
    const char *hosts = *c->database.host ? c->database.host : load_variable(load, "PGHOST", &hosts_origin);
    if (address && ((hosts && parts_n(hosts) > 1) || *c->database.read_host))
        load_complain(load, origin,
                      "PGHOSTADDR is the address of one host, and there are several; expected it unset, with "
                      "addresses in database.host and database.read_host instead of names");
    else if (address && inet_pton(AF_INET, address, &any) != 1 && inet_pton(AF_INET6, address, &any) != 1)
        load_complain(load, origin, "PGHOSTADDR \"%.64s\" is not an address; expected one (192.0.2.1)",
                      address);
}

/* As the key takes it; grpc:// and admin.listen need no scheme. */
static void put_address(FILE *out, const struct address *address, bool has_schemes)
{
    char text[ADDRESS_TEXT_LEN];
    address_format((const struct sockaddr *)&address->socket, text);
    if (has_schemes && address->scheme != SCHEME_GRPC && address->socket.ss_family != AF_UNIX)
        fprintf(out, "%s://", scheme_name(address->scheme));
    fputs(text, out);
}

/* Records what is listened on, where sockets that were handed over replace some of what is configured. */
static void write_down_handed(struct load *load, const char *section, const struct address_list *list)
{
    const struct config_key *key = config_key_find(section, "listen");
    size_t handed_n = 0, len;
    char *text = NULL, origin[600] = "LISTEN_FDS";
    for (size_t i = 0; i < list->n; i++)
        handed_n += list->items[i].fd != 0;
    FILE *out = handed_n && load->config->values ? open_memstream(&text, &len) : NULL;
    if (!out)
        return;
    for (size_t i = 0; i < list->n; i++) {
        fputs(i ? ", " : "", out);
        put_address(out, &list->items[i], list == &load->config->server.listen);
    }
    const char *configured = load->config->values[key - config_keys].origin;
    if (handed_n < list->n && configured)
        snprintf(origin, sizeof origin, "LISTEN_FDS, %s", configured);
    if (fclose(out) == 0)
        config_value_set(load->config, key, text, origin, false);
    free(text);
}

static void take_handed_sockets(struct load *load)
{
    char why[HANDED_WHY_LEN];
    if (handed_replace(&load->config->server.listen, &load->config->admin.listen, why))
        load_complain(load, (struct origin){ .name = "LISTEN_FDS" }, "%s", why);
    write_down_handed(load, "server", &load->config->server.listen);
    write_down_handed(load, "admin", &load->config->admin.listen);
}

void load_check(struct load *load)
{
    const struct config *c = load->config;
    take_handed_sockets(load);
    load_password_file(load);
    if (!is_tls_mode(c->database.tls))
        load_complain(
            load, (struct origin){ .name = "database.tls" },
            "\"%s\" is not valid; expected disable, allow, prefer, require, verify-ca or verify-full",
            c->database.tls);
    check_database_name(load);
    check_address(load);
    check_ports(load, "database.port", c->database.host, c->database.port);
    check_ports(load, "database.read_port", c->database.read_host, c->database.read_port);
    check_admin(load);
    check_overlaps(load);
    if (c->database.reconnect_min_ms > c->database.reconnect_max_ms)
        load_complain(load, (struct origin){ .name = "database.reconnect_min_ms" },
                      "%d is above database.reconnect_max_ms, %d; expected at most that",
                      c->database.reconnect_min_ms, c->database.reconnect_max_ms);
    if (address_list_has(&c->server.listen, SCHEME_HTTPS) && (!*c->tls.certificate || !*c->tls.private_key))
        load_complain(load, (struct origin){ .name = "server.listen" },
                      "https:// needs tls.certificate and tls.private_key");
    if (c->access.callers == CALLERS_TOKEN && !*c->access.tokens)
        load_complain(load, (struct origin){ .name = "access.callers" },
                      "token needs access.tokens, a file of callers");
    if (c->tls.client_auth != CLIENT_AUTH_NONE && !*c->tls.client_ca)
        load_complain(load, (struct origin){ .name = "tls.client_auth" }, "needs tls.client_ca");
}
