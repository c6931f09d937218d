/* SPDX-License-Identifier: MIT
 *
 * All sources end in load_set(), which lets the key's type parse the value, and reports mistakes with the
 * place of the value.
 */
#include "config/load.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "config/effective.h"
#include "config/loading.h"
#include "config/masked_url.h"

void load_complain(struct load *load, struct origin origin, const char *format, ...)
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

static const char *what_is_wrong(int rc)
{
    return rc == UV_EAI_NONAME     ? "names a host that cannot be found"
           : rc == UV_ENAMETOOLONG ? "has a path of over 107 bytes, which no socket can have"
           : rc == UV_ENOBUFS      ? "has too many parts"
                                   : "is not valid";
}

static void complain_value(struct load *load, struct origin origin, const struct config_key *key,
                           const char *value, int rc)
{
    char expected[CONFIG_EXPECTED_LEN];
    char *shown = masked_mistake(value);
    if (rc == UV_ENOMEM || !shown) {
        free(shown);
        load->rc = UV_ENOMEM;
        load_complain(load, origin, "out of memory");
        return;
    }
    key->type->expect(key, expected);
    load_complain(load, origin, "%s.%s = \"%s\" %s; expected %s", key->section, key->name, shown,
                  what_is_wrong(rc), expected);
    free(shown);
}

void load_complain_unknown(struct load *load, struct origin origin, const char *section, const char *name)
{
    const struct config_key *nearest = config_key_nearest(section, name);
    if (!*name)
        load_complain(load, origin, "there is no key before the =; expected key = value");
    else if (!*section)
        load_complain(load, origin, "%s stands before any [section]; write one above it", name);
    else if (nearest)
        load_complain(load, origin, "unknown key %s.%s; did you mean %s.%s?", section, name, nearest->section,
                      nearest->name);
    else
        load_complain(load, origin, "unknown key %s.%s; the keys are listed in svcd.conf(5)", section, name);
}

void load_write_down(struct load *load, struct origin origin, const struct config_key *key, const char *value,
                     bool more)
{
    char where[512];
    if (origin.line > 0)
        snprintf(where, sizeof where, "%s:%d", origin.name, origin.line);
    else
        snprintf(where, sizeof where, "%s", origin.name);
    config_value_set(load->config, key, value, where, more);
}

void load_set(struct load *load, struct origin origin, const struct config_key *key, const char *value)
{
    int rc = key->type->parse(key, value, config_member(load->config, key));
    if (rc < 0)
        complain_value(load, origin, key, value, rc);
    else
        load_write_down(load, origin, key, value, false);
    if (rc == 0 && config_member(load->config, key) == &load->config->server.listen)
        load->listen_is_default = false;
}

static void load_defaults(struct load *load)
{
    for (size_t i = 0; i < config_keys_n; i++)
        load_set(load, (struct origin){ .name = "default" }, &config_keys[i], config_keys[i].fallback);
    load->listen_is_default = true;
}

static void load_setting(struct load *load, const char *setting)
{
    char section[64], name[64], where[160];
    const char *dot = strchr(setting, '.'), *equals = strchr(setting, '=');
    if (!dot || !equals || dot > equals || dot == setting || dot - setting >= 64 || equals - dot > 64) {
        /* Not shown: the text after the = may be a secret. */
        load_complain(load, (struct origin){ .name = "--set" }, "\"%.*s\" is not section.key=value",
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
        load_complain_unknown(load, origin, section, name);
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
    if (source->exports)
        load_export_to_libpq(&load);
    for (size_t i = 0; i < source->n_settings; i++)
        load_setting(&load, source->settings[i]);
    if (load.rc == 0)
        load_check(&load);

    load_forget_variables(&load);
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
