/* SPDX-License-Identifier: MIT
 *
 * Values from variables: those of the environment, and those of .env that the environment does not set.
 */
#include "config/loading.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/text.h"
#include "config/dotenv.h"
#include "config/load.h"

enum { DOTENV_MAX_BYTES = 1 << 20 };

static const char *environment_find(const struct load *load, const char *name, size_t len)
{
    for (char *const *entry = load->source->environment; entry && *entry; entry++)
        if (strncmp(*entry, name, len) == 0 && (*entry)[len] == '=')
            return *entry + len + 1;
    return NULL;
}

/* The value of ${NAME}: from the environment, else from an earlier line of .env; NULL: none. */
static const char *reference_find(const struct load *load, const char *name, size_t len)
{
    const char *value = environment_find(load, name, len);
    for (size_t i = load->n_variables; i > 0 && !value; i--)
        if (strlen(load->variables[i - 1].name) == len &&
            strncmp(load->variables[i - 1].name, name, len) == 0)
            value = load->variables[i - 1].value;
    return value;
}

/* Expands ${NAME} and ${NAME:-default}, in quotes or not, as python-dotenv does. NULL without memory. */
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
    char *expanded = expand(load, value ? value : "");
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
    load->variables[load->n_variables++] = (struct variable){ name, expanded, value != NULL, line };
}

void load_dotenv(struct load *load)
{
    struct origin origin = { load->source->dotenv, 0 };
    FILE *file = fopen(load->source->dotenv, "re");
    if (!file) {
        if (errno != ENOENT)
            load_complain(load, origin, "%s; make it readable or remove it", strerror(errno));
        return;
    }
    load->dotenv = calloc(1, DOTENV_MAX_BYTES);
    size_t len = load->dotenv ? fread(load->dotenv, 1, DOTENV_MAX_BYTES - 1, file) : 0;
    /* A folder named .env is a Python virtual environment, not a mistake. */
    bool unread = ferror(file) && errno != EISDIR, too_long = len == DOTENV_MAX_BYTES - 1;
    fclose(file);
    if (!load->dotenv)
        load->rc = UV_ENOMEM;
    else if (unread || too_long)
        load_complain(load, origin,
                      too_long ? "is longer than 1 MiB; is it the right file?" : "cannot be read");
    else if (memchr(load->dotenv, '\0', len) || strncmp(load->dotenv, "\xff\xfe", 2) == 0 ||
             strncmp(load->dotenv, "\xfe\xff", 2) == 0)
        load_complain(load, origin, "is UTF-16 or holds a NUL byte; save it as UTF-8");
    else if (!text_is_utf8((const uint8_t *)load->dotenv, len))
        load_complain(load, origin, "is not UTF-8; save it as UTF-8");
    else if ((origin.line = dotenv_parse(load->dotenv, dotenv_on_entry, load)) > 0)
        load_complain(load, origin, "the quote that opens here never closes; close it");
}

const char *load_variable(const struct load *load, const char *name, struct origin *origin)
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

/* In the Python backend each service was a process with an address of its own; here each such address is one
 * more listener for all services. */
static void load_service_address(struct load *load, const char *service)
{
    char address_name[64], port_name[64], text[300];
    struct origin address_origin, port_origin;
    snprintf(address_name, sizeof address_name, "%s_SERVICE_ADDRESS", service);
    snprintf(port_name, sizeof port_name, "%s_SERVICE_PORT", service);
    const char *address = load_variable(load, address_name, &address_origin);
    const char *port = load_variable(load, port_name, &port_origin);
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
    load_write_down(load, address ? address_origin : port_origin, config_key_find("server", "listen"), text,
                    !is_first);
    if (rc < 0)
        load_complain(load, address ? address_origin : port_origin,
                      "%s and %s make \"%s\", which %s; expected an address (127.0.0.1) and a port (50051)",
                      address_name, port_name, text,
                      rc == UV_EAI_NONAME ? "names a host that cannot be found" : "is not valid");
}

/* Empty values are copied, too, since libpq distinguishes them from unset ones. */
int load_export_to_libpq(const struct load *load)
{
    bool is_whole = true;
    for (size_t i = 0; i < load->n_variables; i++) {
        const char *name = load->variables[i].name;
        bool is_libpq = strncmp(name, "PG", 2) == 0 &&
                        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == strlen(name);
        if (is_libpq && load->variables[i].is_set && !environment_find(load, name, strlen(name)))
            is_whole &= setenv(name, load->variables[i].value, 1) == 0;
    }
    return is_whole ? 0 : UV_ENOMEM;
}

/* Warns of an unknown variable whose name begins like svcd's or resembles one: it is probably misspelt. */
static void warn_of(struct load *load, struct origin origin, const char *name, size_t len)
{
    char variable[64];
    if (len >= sizeof variable)
        return;
    snprintf(variable, sizeof variable, "%.*s", (int)len, name);
    const char *nearest = config_variable_nearest(variable);
    if (nearest && strcmp(nearest, variable) != 0)
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

void load_environment(struct load *load)
{
    static const char *const services[] = { "ACCOUNT", "MATCHING", "MEETING", "FEEDBACK" };
    for (size_t i = 0; i < config_keys_n; i++) {
        struct origin origin;
        const char *name = config_keys[i].environment;
        const char *value = name ? load_variable(load, name, &origin) : NULL;
        if (value)
            load_set(load, origin, &config_keys[i], value);
    }
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
        load_service_address(load, services[i]);
    warn_of_variables(load);
}

void load_forget_variables(struct load *load)
{
    if (load->dotenv)
        explicit_bzero(load->dotenv, DOTENV_MAX_BYTES);
    free(load->dotenv);
    for (size_t i = 0; i < load->n_variables; i++) {
        explicit_bzero(load->variables[i].value, strlen(load->variables[i].value));
        free(load->variables[i].value);
    }
    free(load->variables);
}
