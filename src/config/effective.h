/* SPDX-License-Identifier: MIT
 *
 * The effective configuration as text: each key's value and where it comes from. Secrets are masked when they
 * are recorded, so they are never in it.
 */
#ifndef CONFIG_EFFECTIVE_H
#define CONFIG_EFFECTIVE_H

#include <stdio.h>

#include "config/config_keys.h"

struct config_value {
    char *text, *origin; /* "etc/svcd.conf:12", "POSTGRES_HOST", "--set", "default"; NULL: out of memory */
};

/* Whether the recorded text of a key leaves out what is, or may be, secret: such keys are text. */
bool config_value_is_masked(const struct config_key *key);

/* Records the text and origin of a key's value; with `more` appends to the recorded text. */
void config_value_set(struct config *config, const struct config_key *key, const char *text,
                      const char *origin, bool more);
void config_values_finish(struct config *config);

/* Prints a line per key: SECTION.KEY = VALUE  # ORIGIN */
void config_print(const struct config *config, FILE *out);

#endif
