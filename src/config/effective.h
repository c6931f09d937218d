/* SPDX-License-Identifier: MIT
 *
 * What a configuration consists of, as text: each key's value with where it came from. Secrets are never in
 * it: they are replaced as they are written down.
 */
#ifndef CONFIG_EFFECTIVE_H
#define CONFIG_EFFECTIVE_H

#include <stdio.h>

#include "config/config_keys.h"

struct config_value {
    char *text, *origin; /* "etc/svcd.conf:12", "POSTGRES_HOST", "--set", "default"; NULL: out of memory */
};

/* Writes down a key's value; `more` adds to the one that is there. */
void config_value_set(struct config *config, const struct config_key *key, const char *text,
                      const char *origin, bool more);
void config_values_finish(struct config *config);

/* A line a key: SECTION.KEY = VALUE  # ORIGIN */
void config_print(const struct config *config, FILE *out);

#endif
