/* SPDX-License-Identifier: MIT
 *
 * Shared by the load*.c files only: the state of loading, and the origin of each value. Everybody else uses
 * load.h.
 */
#ifndef CONFIG_LOADING_H
#define CONFIG_LOADING_H

#include <stdbool.h>
#include <stdio.h>

#include "config/config_keys.h"

struct config_source;

/* Where a value comes from: "etc/svcd.conf" and a line, or the name of a variable or option (line 0). */
struct origin {
    const char *name;
    int line;
};

struct variable {
    const char *name;
    char *value; /* owned; with ${NAME} expanded; "" where the name stands alone */
    bool is_set;
    int line;
};

struct load {
    struct config *config;
    const struct config_source *source;
    FILE *errors;
    int rc;
    int mistakes_n;

    FILE *file; /* while it is read */
    int line;
    int seen_on[CONFIG_KEYS_MAX]; /* by key: the file's line that sets it; 0: none so far */
    bool listen_is_default;

    char *dotenv; /* the file's text; variables point into it */
    struct variable *variables;
    size_t n_variables;
};

/* Each sets load->rc and adds a line to errors, if there are not too many; controls in it are escaped. */
__attribute__((format(printf, 3, 4))) void load_complain(struct load *load, struct origin origin,
                                                         const char *format, ...);
void load_complain_unknown(struct load *load, struct origin origin, const char *section, const char *name);

/* Lets the key's type parse the value, and records its text and origin. */
void load_set(struct load *load, struct origin origin, const struct config_key *key, const char *value);
/* Records a value's text and origin; with `more` appends to the recorded text. */
void load_write_down(struct load *load, struct origin origin, const struct config_key *key, const char *value,
                     bool more);

/* load_file.c */
void load_file(struct load *load);

/* load_environment.c. Call load_dotenv() first: load_environment() then applies both kinds of variables, of
 * which the environment's win. */
void load_dotenv(struct load *load);
void load_environment(struct load *load);
/* Copies .env's PG* variables into the environment, the only place where libpq looks for them. 0 or
 * UV_ENOMEM. */
int load_export_to_libpq(const struct load *load);
/* The variable's value, from the environment or else .env; NULL: unset or empty. */
const char *load_variable(const struct load *load, const char *name, struct origin *origin);
void load_forget_variables(struct load *load);

/* load_check.c: checks that concern more than one key. */
void load_check(struct load *load);

#endif
