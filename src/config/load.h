/* SPDX-License-Identifier: MIT
 *
 * Loads the configuration: defaults < file < .env < environment < --set.
 */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config/config.h"

/* Where values come from; a later member wins over an earlier one. */
struct config_source {
    const char *file;         /* NULL: none */
    const char *dotenv;       /* ".env"; NULL: none; a file that is not there is no error */
    char *const *environment; /* environ; NULL: none */
    bool exports; /* of .env, what libpq looks for in the environment (PGSSLMODE, ...) is put there */
    const char *const *settings; /* "section.key=value" each */
    size_t n_settings;
};

/* Fills config with the defaults, then from source. Every mistake is one line in errors, `where: what is
 * wrong, what would be right`, not only the first. 0, UV_EINVAL after mistakes, UV_ENOMEM; unless 0 there is
 * nothing to finish. Blocks (files, DNS for host names to listen on); call it before the loop runs. */
int config_load(struct config *config, const struct config_source *source, FILE *errors);

/* Frees and zeroes; secrets are wiped. Zeroed memory and NULL are fine. */
void config_finish(struct config *config);

#endif
