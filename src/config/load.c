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

#include "base/text.h"
#include "config/effective.h"
#include "config/loading.h"
#include "config/masked_url.h"

#define MISTAKES_MAX    50  /* are told: a file of another kind has one in each line */
#define VALUE_SHOWN_MAX 200 /* bytes, as of names */
#define NAME_SHOWN_MAX  64

/* Controls, which could do anything to a terminal, and bytes that are not UTF-8 are shown as \xNN. */
static void print_escaped(FILE *out, const char *text)
{
    for (const uint8_t *at = (const uint8_t *)text; *at;) {
        size_t len = 1;
        while (*at >= 0xc0 && (at[len] & 0xc0) == 0x80)
            len++;
        bool is_control = *at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] < 0xa0);
        if (!is_control && text_is_utf8(at, len))
            fwrite(at, 1, len, out);
        else
            for (size_t i = 0; i < len; i++)
                fprintf(out, "\\x%02x", at[i]);
        at += len;
    }
}

void load_complain(struct load *load, struct origin origin, const char *format, ...)
{
    if (load->rc == 0)
        load->rc = UV_EINVAL;
    if (++load->mistakes_n > MISTAKES_MAX)
        return;
    char *text;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    fprintf(load->errors, "%s:", origin.name);
    if (origin.line > 0)
        fprintf(load->errors, "%d:", origin.line);
    fputc(' ', load->errors);
    print_escaped(load->errors, len < 0 ? "out of memory" : text);
    fputc('\n', load->errors);
    if (len >= 0) {
        explicit_bzero(text, (size_t)len);
        free(text);
    }
}

/* What looks like a comment or quotes, where neither is known, is the likely mistake. */
static const char *what_is_wrong(int rc, const char *value)
{
    size_t len = strlen(value);
    bool is_quoted = len > 1 && (*value == '"' || *value == '\'') && value[len - 1] == *value;
    return rc == UV_EAI_NONAME     ? "names a host that cannot be found"
           : rc == UV_ENAMETOOLONG ? "has a path of over 107 bytes, which no socket can have"
           : rc == UV_ENOBUFS      ? "has too many parts"
           : rc == UV_ENOENT       ? "is not among the credentials that systemd has passed"
           : is_quoted             ? "is not valid, because quotes count as part of the value"
           : strstr(value, " #") || strstr(value, " ;")
               ? "is not valid, because a comment needs a line of its own"
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
        return;
    }
    key->type->expect(key, expected);
    size_t shown_len = text_len_within(shown, VALUE_SHOWN_MAX);
    load_complain(load, origin, "%s.%s = \"%.*s%s\" %s; expected %s", key->section, key->name, (int)shown_len,
                  shown, shown[shown_len] ? TEXT_ELLIPSIS : "", what_is_wrong(rc, value), expected);
    free(shown);
}

/* The section may have been written before the key, too: server.listen in [server]. */
static const struct config_key *key_meant(const char *section, const char *name)
{
    const char *dot = strchr(name, '.');
    char before[64];
    snprintf(before, sizeof before, "%.*s", dot ? (int)(dot - name) : 0, name);
    const struct config_key *key = dot ? config_key_find(before, dot + 1) : NULL;
    return key ?: config_key_nearest(section, name);
}

void load_complain_unknown(struct load *load, struct origin origin, const char *section, const char *name)
{
    const struct config_key *meant = key_meant(section, name);
    bool has_blanks = strpbrk(section, " \t") || strpbrk(name, " \t");
    const char *quote = has_blanks ? "\"" : "";
    if (!*name)
        load_complain(load, origin, "there is no key before the =; expected key = value");
    else if (!*section)
        load_complain(load, origin, "%.*s stands before any [section]; write one above it", NAME_SHOWN_MAX,
                      name);
    else if (meant)
        load_complain(load, origin, "unknown key %s%s.%.*s%s; did you mean %s.%s?", quote, section,
                      NAME_SHOWN_MAX, name, quote, meant->section, meant->name);
    else
        load_complain(load, origin, "unknown key %s%s.%.*s%s; the keys are listed in svcd.conf(5)", quote,
                      section, NAME_SHOWN_MAX, name, quote);
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
    if (source->exports && load_export_to_libpq(&load))
        load.rc = UV_ENOMEM;
    for (size_t i = 0; i < source->n_settings; i++)
        load_setting(&load, source->settings[i]);
    if (load.rc == 0)
        load_check(&load);
    if (load.mistakes_n > MISTAKES_MAX)
        fprintf(errors, "there are %d more mistakes\n", load.mistakes_n - MISTAKES_MAX);

    load_forget_variables(&load);
    if (load.rc == UV_ENOMEM)
        fputs("configuration: out of memory\n", errors);
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
