/* SPDX-License-Identifier: MIT */
#include "config/effective.h"

#include <stdlib.h>
#include <string.h>

#include "config/masked_url.h"

static void replace(char **text, char *with)
{
    free(*text);
    *text = with;
}

static void append(char **text, const char *glue, const char *more)
{
    char *longer;
    if (!*text || asprintf(&longer, "%s%s%s", *text, glue, more) < 0)
        return;
    free(*text);
    *text = longer;
}

bool config_value_is_masked(const struct config_key *key)
{
    return key->is_secret || key->type == &config_type_url;
}

static char *masked(const struct config_key *key, const char *text)
{
    if (!config_value_is_masked(key))
        return strdup(text);
    return key->is_secret && *text ? strdup(CONFIG_MASK) : masked_url(text);
}

void config_value_set(struct config *config, const struct config_key *key, const char *text,
                      const char *origin, bool more)
{
    if (!config->values)
        config->values = calloc(config_keys_n, sizeof *config->values);
    if (!config->values)
        return;
    struct config_value *value = &config->values[key - config_keys];
    if (more) {
        append(&value->text, ", ", text);
        append(&value->origin, ", ", origin);
        return;
    }
    replace(&value->text, masked(key, text));
    replace(&value->origin, strdup(origin));
}

void config_values_finish(struct config *config)
{
    for (size_t i = 0; config->values && i < config_keys_n; i++) {
        free(config->values[i].text);
        free(config->values[i].origin);
    }
    free(config->values);
    config->values = NULL;
}

void config_print(const struct config *config, FILE *out)
{
    for (size_t i = 0; config->values && i < config_keys_n; i++) {
        const struct config_value *value = &config->values[i];
        int len = fprintf(out, "%s.%s = %s", config_keys[i].section, config_keys[i].name,
                          value->text ? value->text : "");
        fprintf(out, "%*s  # %s\n", len < 50 ? 50 - len : 0, "", value->origin ? value->origin : "");
    }
}
