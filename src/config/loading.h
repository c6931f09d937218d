/* SPDX-License-Identifier: MIT
 *
 * What the files that load the configuration share: what is being loaded, and where each value stands. Nobody
 * else's; load.h is for them.
 */
#ifndef CONFIG_LOADING_H
#define CONFIG_LOADING_H

#include <stdbool.h>
#include <stdio.h>

#include "config/config_keys.h"

struct config_source;

/* Where a value stands: "etc/svcd.conf" and a line, or the name of a variable or option (line 0). */
struct origin {
    const char *name;
    int line;
};

struct variable {
    const char *name;
    char *value; /* its own, with ${NAME} replaced; "" where the name stands alone */
    bool is_set;
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

/* Each is a line in errors, and load->rc. */
__attribute__((format(printf, 3, 4))) void load_complain(struct load *load, struct origin origin,
                                                         const char *format, ...);
void load_complain_unknown(struct load *load, struct origin origin, const char *section, const char *name);

/* Lets the key's type read the value, and writes down where it stands. */
void load_set(struct load *load, struct origin origin, const struct config_key *key, const char *value);
/* The text of a value, or with `more` what follows it. */
void load_write_down(struct load *load, struct origin origin, const struct config_key *key, const char *value,
                     bool more);

/* load_file.c */
void load_file(struct load *load);

/* load_environment.c: .env first, for the environment says what it is to leave alone. */
void load_dotenv(struct load *load);
void load_environment(struct load *load);
/* libpq looks for its own variables in the environment only. */
void load_export_to_libpq(const struct load *load);
void load_forget_variables(struct load *load);

/* load_check.c: what no single key can know. */
void load_check(struct load *load);

#endif
