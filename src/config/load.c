/* SPDX-License-Identifier: MIT
 *
 * All sources end in load_set(), which looks the key up in the table of config_keys.c, lets its type read the
 * value, and reports what is wrong with where it stands.
 */
#include "config/load.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/handed.h"
#include "config/config_keys.h"
#include "config/dotenv.h"
#include "config/effective.h"

enum { LINE_MAX_BYTES = 4096, DOTENV_MAX_BYTES = 1 << 20 };

/* Where a value stands: "etc/svcd.conf" and a line, or the name of a variable or option (line 0). */
struct origin {
    const char *name;
    int line;
};

struct variable {
    const char *name;
    char *value; /* its own, with ${NAME} replaced */
    int line;
};

struct load {
    struct config *config;
    const struct config_source *source;
    FILE *errors;
    int rc;

    FILE *file; /* while it is read */
    int line;
    int seen_on[CONFIG_KEYS_MAX]; /* line of the file, by key */
    bool listen_is_default;

    char *dotenv; /* text of the file; variables point into it */
    struct variable *variables;
    size_t n_variables;
};

__attribute__((format(printf, 3, 4))) static void complain(struct load *load, struct origin origin,
                                                           const char *format, ...)
{
    fprintf(load->errors, "%s:", origin.name);
    if (origin.line > 0)
        fprintf(load->errors, "%d:", origin.line);
    fputc(' ', load->errors);
    va_list args;
    va_start(args, format);
    vfprintf(load->errors, format, args);
    va_end(args);
    fputc('\n', load->errors);
    if (load->rc == 0)
        load->rc = UV_EINVAL;
}

static void complain_value(struct load *load, struct origin origin, const struct config_key *key,
                           const char *value, int rc)
{
    char expected[CONFIG_EXPECTED_LEN];
    if (rc == UV_ENOMEM) {
        load->rc = rc;
        complain(load, origin, "out of memory");
        return;
    }
    key->type->expect(key, expected);
    complain(load, origin, "%s.%s = \"%s\" %s; expected %s", key->section, key->name, value,
             rc == UV_EAI_NONAME ? "names a host that cannot be found" : "is not valid", expected);
}

static void complain_unknown(struct load *load, struct origin origin, const char *section, const char *name)
{
    const struct config_key *nearest = config_key_nearest(section, name);
    if (!*name)
        complain(load, origin, "there is no key before the =; expected key = value");
    else if (!*section)
        complain(load, origin, "%s stands before any [section]; write one above it", name);
    else if (nearest)
        complain(load, origin, "unknown key %s.%s; did you mean %s.%s?", section, name, nearest->section,
                 nearest->name);
    else
        complain(load, origin, "unknown key %s.%s; the keys are listed in svcd.conf(5)", section, name);
}

static void write_down(struct load *load, struct origin origin, const struct config_key *key,
                       const char *value, bool more)
{
    char where[512];
    if (origin.line > 0)
        snprintf(where, sizeof where, "%s:%d", origin.name, origin.line);
    else
        snprintf(where, sizeof where, "%s", origin.name);
    config_value_set(load->config, key, value, where, more);
}

static void load_set(struct load *load, struct origin origin, const struct config_key *key, const char *value)
{
    int rc = key->type->parse(key, value, config_member(load->config, key));
    if (rc < 0)
        complain_value(load, origin, key, value, rc);
    else
        write_down(load, origin, key, value, false);
    if (rc == 0 && config_member(load->config, key) == &load->config->server.listen)
        load->listen_is_default = false;
}

static void load_defaults(struct load *load)
{
    for (size_t i = 0; i < config_keys_n; i++)
        load_set(load, (struct origin){ .name = "default" }, &config_keys[i], config_keys[i].fallback);
    load->listen_is_default = true;
}

/* inih cuts long lines in two and stops a line at a NUL without a word; this reader says so and drops the
 * line. */
static char *file_read_line(char *text, int size, void *user)
{
    struct load *load = user;
    struct origin origin = { load->source->file, ++load->line };
    bool too_long = false, has_nul = false;
    int len = 0, c;
    while ((c = getc(load->file)) != EOF && c != '\n') {
        has_nul |= c == '\0';
        if (len < size - 1)
            text[len++] = (char)c;
        else
            too_long = true;
    }
    if (c == EOF && len == 0)
        return NULL;
    text[len] = '\0';
    if (too_long)
        complain(load, origin, "the line is longer than %d bytes; shorten it", size - 1);
    else if (has_nul)
        complain(load, origin, "the line holds a NUL byte; remove it");
    else if (text[strspn(text, " \t")] == '[' && !strchr(text, ']'))
        complain(load, origin, "the section has no closing bracket; write it as [section]");
    else
        return text;
    text[0] = '\0';
    return text;
}

static int file_on_value(void *user, const char *section, const char *name, const char *value)
{
    struct load *load = user;
    struct origin origin = { load->source->file, load->line };
    const struct config_key *key = config_key_find(section, name);
    if (!value) {
        int word_len = (int)strcspn(name, " \t"); /* the rest may be a secret */
        complain(load, origin, "\"%.*s%s\" is neither [section] nor key = value", word_len, name,
                 name[word_len] ? " ..." : "");
    } else if (!key) {
        complain_unknown(load, origin, section, name);
    } else if (load->seen_on[key - config_keys] > 0) {
        complain(load, origin, "%s.%s stands in line %d already; keep one of them", section, name,
                 load->seen_on[key - config_keys]);
    } else {
        load->seen_on[key - config_keys] = load->line;
        load_set(load, origin, key, value);
    }
    return 1;
}

static void load_file(struct load *load)
{
    load->file = fopen(load->source->file, "re");
    if (!load->file) {
        complain(load, (struct origin){ load->source->file, 0 }, "%s; give a readable file with --config",
                 strerror(errno));
        return;
    }
    /* A password may hold ';', and what is indented is no continuation: comments stand on lines of their own.
     */
    ini_allow_inline_comments = false;
    ini_allow_multiline = false;
    ini_allow_no_value = true;
    ini_use_stack = false;
    ini_initial_alloc = LINE_MAX_BYTES;
    ini_max_line = LINE_MAX_BYTES;
    int rc = ini_parse_stream(file_read_line, load, file_on_value, load);
    struct origin origin = { load->source->file, rc > 0 ? rc : 0 };
    if (ferror(load->file))
        complain(load, (struct origin){ load->source->file, 0 }, "cannot be read; is it a file?");
    else if (rc == -2)
        load->rc = UV_ENOMEM;
    else if (rc != 0 && load->rc == 0)
        complain(load, origin, "is neither [section] nor key = value");
    fclose(load->file);
}

static const char *environment_find(const struct load *load, const char *name, size_t len)
{
    for (char *const *entry = load->source->environment; entry && *entry; entry++)
        if (strncmp(*entry, name, len) == 0 && (*entry)[len] == '=')
            return *entry + len + 1;
    return NULL;
}

/* What ${NAME} stands for: the environment's value, else that of a line above; NULL: none. */
static const char *reference_find(const struct load *load, const char *name, size_t len)
{
    const char *value = environment_find(load, name, len);
    for (size_t i = load->n_variables; i > 0 && !value; i--)
        if (strlen(load->variables[i - 1].name) == len &&
            strncmp(load->variables[i - 1].name, name, len) == 0)
            value = load->variables[i - 1].value;
    return value;
}

/* ${NAME} and ${NAME:-default}, in quotes or not, as python-dotenv does. NULL without memory. */
static char *expand(const struct load *load, const char *value)
{
    char *text = NULL;
    size_t text_len = 0;
    FILE *out = open_memstream(&text, &text_len);
    while (out && *value) {
        size_t name_len = strncmp(value, "${", 2) == 0 ? strcspn(value + 2, ":}") : 0;
        const char *after = value + 2 + name_len, *end = NULL;
        if (strncmp(value, "${", 2) == 0)
            end = *after == '}' ? after : strncmp(after, ":-", 2) == 0 ? strchr(after, '}') : NULL;
        if (!end) {
            fputc(*value++, out);
            continue;
        }
        const char *found = reference_find(load, value + 2, name_len);
        if (found)
            fputs(found, out);
        else if (end > after)
            fprintf(out, "%.*s", (int)(end - after - 2), after + 2);
        value = end + 1;
    }
    if (out && fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static void dotenv_on_entry(void *user, const char *name, const char *value, int line)
{
    struct load *load = user;
    char *expanded = expand(load, value);
    if (!expanded) {
        load->rc = UV_ENOMEM;
        return;
    }
    struct variable *grown = realloc(load->variables, (load->n_variables + 1) * sizeof *grown);
    if (!grown) {
        free(expanded);
        load->rc = UV_ENOMEM;
        return;
    }
    load->variables = grown;
    load->variables[load->n_variables++] = (struct variable){ name, expanded, line };
}

static void load_dotenv(struct load *load)
{
    struct origin origin = { load->source->dotenv, 0 };
    FILE *file = fopen(load->source->dotenv, "re");
    if (!file) {
        if (errno != ENOENT)
            complain(load, origin, "%s; make it readable or remove it", strerror(errno));
        return;
    }
    load->dotenv = calloc(1, DOTENV_MAX_BYTES);
    size_t len = load->dotenv ? fread(load->dotenv, 1, DOTENV_MAX_BYTES - 1, file) : 0;
    /* A folder of this name is some Python environment and none of ours. */
    bool unread = ferror(file) && errno != EISDIR, too_long = len == DOTENV_MAX_BYTES - 1;
    fclose(file);
    if (!load->dotenv)
        load->rc = UV_ENOMEM;
    else if (unread || too_long)
        complain(load, origin, too_long ? "is longer than 1 MiB; is it the right file?" : "cannot be read");
    else if (memchr(load->dotenv, '\0', len) || strncmp(load->dotenv, "\xff\xfe", 2) == 0 ||
             strncmp(load->dotenv, "\xfe\xff", 2) == 0)
        complain(load, origin, "is UTF-16 or holds a NUL byte; save it as UTF-8");
    else if ((origin.line = dotenv_parse(load->dotenv, dotenv_on_entry, load)) > 0)
        complain(load, origin, "the quote that opens here never closes; close it");
}

/* The variable's value, or NULL where it is not set or empty; the environment wins over .env. */
static const char *variable_find(struct load *load, const char *name, struct origin *origin)
{
    size_t len = strlen(name);
    *origin = (struct origin){ .name = name };
    const char *value = environment_find(load, name, len);
    if (value && *value)
        return value;
    const struct variable *found = NULL;
    for (size_t i = 0; i < load->n_variables; i++)
        if (strcmp(load->variables[i].name, name) == 0)
            found = &load->variables[i];
    if (!found || !*found->value)
        return NULL;
    *origin = (struct origin){ load->source->dotenv, found->line };
    return found->value;
}

/* The Python backend had a process, hence an address, a service; here each is one more listener for all. */
static void load_service_address(struct load *load, const char *service)
{
    char address_name[64], port_name[64], text[300];
    struct origin address_origin, port_origin;
    snprintf(address_name, sizeof address_name, "%s_SERVICE_ADDRESS", service);
    snprintf(port_name, sizeof port_name, "%s_SERVICE_PORT", service);
    const char *address = variable_find(load, address_name, &address_origin);
    const char *port = variable_find(load, port_name, &port_origin);
    if (!address && !port)
        return;
    bool is_first = load->listen_is_default;
    if (load->listen_is_default) {
        load->config->server.listen.n = 0;
        load->listen_is_default = false;
    }
    bool bare_v6 = address && strchr(address, ':') && *address != '[';
    snprintf(text, sizeof text, "%s%s%s:%s", bare_v6 ? "[" : "", address ? address : "127.0.0.1",
             bare_v6 ? "]" : "", port ? port : "50051");
    int rc = address_list_add(&load->config->server.listen, text);
    write_down(load, address ? address_origin : port_origin, config_key_find("server", "listen"), text,
               !is_first);
    if (rc < 0)
        complain(load, address ? address_origin : port_origin,
                 "%s and %s make \"%s\", which %s; expected an address (127.0.0.1) and a port (50051)",
                 address_name, port_name, text,
                 rc == UV_EAI_NONAME ? "names a host that cannot be found" : "is not valid");
}

/* libpq looks for its own variables in the environment only; empty ones count there, too. */
static void export_to_libpq(const struct load *load)
{
    for (size_t i = 0; i < load->n_variables; i++) {
        const char *name = load->variables[i].name;
        bool is_libpq = strncmp(name, "PG", 2) == 0 &&
                        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == strlen(name);
        if (is_libpq && !environment_find(load, name, strlen(name)))
            setenv(name, load->variables[i].value, 1);
    }
}

/* A name that begins like ours and is none is most likely misspelt. */
static void warn_of(struct load *load, struct origin origin, const char *name, size_t len)
{
    char variable[64];
    if (strncmp(name, "POSTGRES_", 9) != 0 || len >= sizeof variable)
        return;
    snprintf(variable, sizeof variable, "%.*s", (int)len, name);
    const char *nearest = config_variable_nearest(variable);
    if (strcmp(nearest, variable) != 0)
        fprintf(load->errors, "%s: warning: %s is read by nobody; did you mean %s?\n", origin.name, variable,
                nearest);
}

static void warn_of_variables(struct load *load)
{
    for (char *const *entry = load->source->environment; entry && *entry; entry++)
        warn_of(load, (struct origin){ .name = "environment" }, *entry, strcspn(*entry, "="));
    for (size_t i = 0; i < load->n_variables; i++)
        warn_of(load, (struct origin){ load->source->dotenv, load->variables[i].line },
                load->variables[i].name, strlen(load->variables[i].name));
}

static void load_environment(struct load *load)
{
    static const char *const services[] = { "ACCOUNT", "MATCHING", "MEETING", "FEEDBACK" };
    for (size_t i = 0; i < config_keys_n; i++) {
        struct origin origin;
        const char *name = config_keys[i].environment;
        const char *value = name ? variable_find(load, name, &origin) : NULL;
        if (value)
            load_set(load, origin, &config_keys[i], value);
    }
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
        load_service_address(load, services[i]);
}

static void load_setting(struct load *load, const char *setting)
{
    char section[64], name[64], where[160];
    const char *dot = strchr(setting, '.'), *equals = strchr(setting, '=');
    if (!dot || !equals || dot > equals || dot == setting || dot - setting >= 64 || equals - dot > 64) {
        /* What stands after the = may be a secret. */
        complain(load, (struct origin){ .name = "--set" }, "\"%.*s\" is not section.key=value",
                 (int)strcspn(setting, "="), setting);
        return;
    }
    snprintf(section, sizeof section, "%.*s", (int)(dot - setting), setting);
    snprintf(name, sizeof name, "%.*s", (int)(equals - dot - 1), dot + 1);
    snprintf(where, sizeof where, "--set %s.%s", section, name);
    struct origin origin = { .name = where };
    const struct config_key *key = config_key_find(section, name);
    if (key)
        load_set(load, origin, key, equals + 1);
    else
        complain_unknown(load, origin, section, name);
}

static void check_admin(struct load *load)
{
    const struct config *c = load->config;
    for (size_t i = 0; i < c->admin.listen.n && !*c->admin.token_file; i++) {
        const struct sockaddr *address = (const struct sockaddr *)&c->admin.listen.items[i].socket;
        char text[ADDRESS_TEXT_LEN];
        address_format(address, text);
        if (address->sa_family != AF_UNIX && !address_is_loopback(address))
            complain(load, (struct origin){ .name = "admin.listen" },
                     "%s can be reached from elsewhere, and there is no admin.token_file; expected one, or a "
                     "loopback "
                     "address (127.0.0.1:50080)",
                     text);
    }
}

static void load_password_file(struct load *load)
{
    const char *path = load->config->database.password_file;
    struct origin origin = { .name = "database.password_file" };
    if (!*path || *load->config->database.password)
        return;
    char line[1024] = "";
    FILE *file = fopen(path, "re");
    if (!file || (!fgets(line, sizeof line, file) && ferror(file)))
        complain(load, origin, "%s: %s; give a readable file", path, strerror(errno));
    if (file)
        fclose(file);
    line[strcspn(line, "\r\n")] = '\0';
    char *password = strdup(line);
    explicit_bzero(line, sizeof line);
    if (!password) {
        load->rc = UV_ENOMEM;
        return;
    }
    free(load->config->database.password);
    load->config->database.password = password;
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
        complain(load, (struct origin){ .name = name },
                 "\"%s\" is %zu ports for %zu hosts; expected one, or one for each", ports, ports_n, hosts_n);
}

static void take_handed_sockets(struct load *load)
{
    char why[HANDED_WHY_LEN];
    if (handed_replace(&load->config->server.listen, &load->config->admin.listen, why))
        complain(load, (struct origin){ .name = "LISTEN_FDS" }, "%s", why);
}

/* What no single key can know. */
static void load_check(struct load *load)
{
    const struct config *c = load->config;
    take_handed_sockets(load);
    load_password_file(load);
    if (!is_tls_mode(c->database.tls))
        complain(load, (struct origin){ .name = "database.tls" },
                 "\"%s\" is not valid; expected disable, allow, prefer, require, verify-ca or verify-full",
                 c->database.tls);
    check_ports(load, "database.port", c->database.host, c->database.port);
    check_ports(load, "database.read_port", c->database.read_host, c->database.read_port);
    check_admin(load);
    if (c->database.reconnect_min_ms > c->database.reconnect_max_ms)
        complain(load, (struct origin){ .name = "database.reconnect_min_ms" },
                 "%d is above database.reconnect_max_ms, %d; expected at most that",
                 c->database.reconnect_min_ms, c->database.reconnect_max_ms);
    if (address_list_has(&c->server.listen, SCHEME_HTTPS) && (!*c->tls.certificate || !*c->tls.private_key))
        complain(load, (struct origin){ .name = "server.listen" },
                 "https:// needs tls.certificate and tls.private_key");
    if (c->access.callers == CALLERS_TOKEN && !*c->access.tokens)
        complain(load, (struct origin){ .name = "access.callers" },
                 "token needs access.tokens, a file of callers");
    if (c->tls.client_auth != CLIENT_AUTH_NONE && !*c->tls.client_ca)
        complain(load, (struct origin){ .name = "tls.client_auth" }, "needs tls.client_ca");
}

int config_load(struct config *config, const struct config_source *source, FILE *errors)
{
    *config = (struct config){ 0 };
    struct load load = { .config = config, .source = source, .errors = errors };
    load_defaults(&load);
    if (source->file)
        load_file(&load);
    if (source->dotenv)
        load_dotenv(&load);
    load_environment(&load);
    warn_of_variables(&load);
    if (source->exports)
        export_to_libpq(&load);
    for (size_t i = 0; i < source->n_settings; i++)
        load_setting(&load, source->settings[i]);
    if (load.rc == 0)
        load_check(&load);

    if (load.dotenv)
        explicit_bzero(load.dotenv, DOTENV_MAX_BYTES);
    free(load.dotenv);
    for (size_t i = 0; i < load.n_variables; i++) {
        explicit_bzero(load.variables[i].value, strlen(load.variables[i].value));
        free(load.variables[i].value);
    }
    free(load.variables);
    if (load.rc < 0)
        config_finish(config);
    return load.rc;
}

void config_finish(struct config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config_keys_n; i++)
        if (config_keys[i].type->finish)
            config_keys[i].type->finish(config_member(config, &config_keys[i]));
    config_values_finish(config);
    *config = (struct config){ 0 };
}
