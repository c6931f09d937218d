/* SPDX-License-Identifier: MIT
 *
 * The table of configuration keys, one row a key. It is the only place that says what a key means: what is
 * read, what is told of a mistake, etc/svcd.conf and the keys of svcd.conf(5) all come from it.
 */
#ifndef CONFIG_CONFIG_KEYS_H
#define CONFIG_CONFIG_KEYS_H

#include "config/config.h"
#include "config/config_types.h"

#define CONFIG_KEYS_MAX 128

struct config_section {
    const char *name;
    const char *doc; /* sentences that hold for all its keys; "" where there are none */
};

/* In the order of the file; keys of a section stand together. */
extern const struct config_section config_sections[];
extern const size_t config_sections_n;
extern const struct config_key config_keys[];
extern const size_t config_keys_n;

static inline void *config_member(struct config *config, const struct config_key *key)
{
    return (char *)config + key->offset;
}

/* NULL if there is none. */
const struct config_key *config_key_find(const char *section, const char *name);

/* The environment variable of a key that is nearest to a name; the name itself if it is one; NULL if it
 * neither begins like ours nor is near to any. */
const char *config_variable_nearest(const char *variable);

/* The key nearest to a misspelt one; NULL if none is near. */
const struct config_key *config_key_nearest(const char *section, const char *name);

#endif
