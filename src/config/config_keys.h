/* SPDX-License-Identifier: MIT
 *
 * The table of configuration keys, one row a key, and how each type of value is read. For config.c and the
 * tests.
 */
#ifndef CONFIG_CONFIG_KEYS_H
#define CONFIG_CONFIG_KEYS_H

#include <stddef.h>

struct config;
struct config_key;

#define CONFIG_EXPECTED_LEN 256
#define CONFIG_KEYS_MAX     128

struct config_type {
    /* Reads value into member, replacing what it held; on error member is as before. UV_EINVAL, UV_ENOMEM,
     * UV_EAI_NONAME. */
    int (*parse)(const struct config_key *key, const char *value, void *member);
    /* Says what would be right, to stand after "expected ". */
    void (*expect)(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN]);
    void (*finish)(void *member); /* NULL: nothing to free */
};

struct config_key {
    const char *section, *name;
    const struct config_type *type;
    size_t offset;              /* in struct config */
    const char *fallback;       /* the default, as the file would say it */
    const char *unit;           /* of an integer */
    int min, max;               /* of an integer */
    const char *const *choices; /* of an enumeration: names in the order of its values, NULL at the end */
    const char *environment;    /* the variable that sets it too, or NULL */
    const char *doc;
};

extern const struct config_key config_keys[];
extern const size_t config_n_keys;

static inline void *config_member(struct config *config, const struct config_key *key)
{
    return (char *)config + key->offset;
}

/* NULL if there is none. */
const struct config_key *config_key_find(const char *section, const char *name);

/* The key nearest to a misspelt one; NULL if none is near. */
const struct config_key *config_key_nearest(const char *section, const char *name);

#endif
