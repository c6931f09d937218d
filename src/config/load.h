/* SPDX-License-Identifier: MIT
 *
 * Loads the configuration. Precedence, lowest first: defaults, file, .env, environment, --set.
 */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config/config.h"

/* Where values come from; a later member wins over an earlier one. */
struct config_source {
    const char *file;            /* NULL: none */
    const char *dotenv;          /* ".env"; NULL: none; it need not exist */
    char *const *environment;    /* environ; NULL: none */
    bool exports;                /* copy .env's variables for libpq (PGSSLMODE, ...) into the environment */
    const char *const *settings; /* "section.key=value" each */
    size_t n_settings;
};

/* Fills config with the defaults, then from source. Every mistake, not only the first, is one line in errors:
 * `where: what is wrong, what would be right`. Returns 0; or UV_EINVAL after mistakes, or UV_ENOMEM, with
 * nothing to finish. Blocks (files, DNS for host names to listen on), so never call it on the loop's thread
 * while the loop runs. */
int config_load(struct config *config, const struct config_source *source, FILE *errors);

/* Wipes secrets, frees and zeroes. Zeroed memory and NULL are fine. */
void config_finish(struct config *config);

#endif
