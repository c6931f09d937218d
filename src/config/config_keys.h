/* SPDX-License-Identifier: MIT
 *
 * The table of configuration keys, one row per key, which is the only definition of a key: the parser, its
 * error messages, etc/svcd.conf and svcd.conf(5) are all derived from it. Constant; any thread.
 */
#ifndef CONFIG_CONFIG_KEYS_H
#define CONFIG_CONFIG_KEYS_H

#include "config/config.h"
#include "config/config_types.h"

#define CONFIG_KEYS_MAX 128

struct config_section {
    const char *name;
    const char *doc; /* sentences about all its keys; may be "" */
};

/* In the file's order; the keys of a section are adjacent. */
extern const struct config_section config_sections[];
extern const size_t config_sections_n;
extern const struct config_key config_keys[];
extern const size_t config_keys_n;

static inline void *config_member(struct config *config, const struct config_key *key)
{
    return (char *)config + key->offset;
}

/* NULL if there is no such key. */
const struct config_key *config_key_find(const char *section, const char *name);

/* The environment variable of svcd most similar to a name (the name itself if it is one); NULL if the name
 * neither begins with POSTGRES_ nor resembles any. */
const char *config_variable_nearest(const char *variable);

/* The key most similar to a misspelt one; NULL if none is similar. */
const struct config_key *config_key_nearest(const char *section, const char *name);

#endif
