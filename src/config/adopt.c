/* SPDX-License-Identifier: MIT */
#include "config/adopt.h"

#include <string.h>

#include "config/effective.h"

static void swap(void *a, void *b, size_t len)
{
    uint8_t *left = a, *right = b;
    for (size_t i = 0; i < len; i++) {
        uint8_t kept = left[i];
        left[i] = right[i];
        right[i] = kept;
    }
}

static const struct config_value *value_of(const struct config *config, const struct config_key *key)
{
    return config->values ? &config->values[key - config_keys] : NULL;
}

bool config_differs(const struct config *a, const struct config *b, const struct config_key *key)
{
    if (config_value_is_masked(key)) { /* so the recorded texts may be equal: compare the members */
        const char *const *left = config_member((struct config *)a, key);
        const char *const *right = config_member((struct config *)b, key);
        return strcmp(*left, *right) != 0;
    }
    const struct config_value *left = value_of(a, key), *right = value_of(b, key);
    return left && right && left->text && right->text && strcmp(left->text, right->text) != 0;
}

/* Unchanged keys are exchanged as well: their line in the file may have changed, or a host name resolve to
 * other addresses now. */
void config_adopt(struct config *live, struct config *fresh)
{
    for (size_t i = 0; i < config_keys_n; i++) {
        const struct config_key *key = &config_keys[i];
        bool is_fixed = key->change == CONFIG_ON_RESTART;
        if (is_fixed && config_differs(live, fresh, key))
            continue;
        if (!is_fixed)
            swap(config_member(live, key), config_member(fresh, key), key->size);
        if (live->values && fresh->values)
            swap(&live->values[i], &fresh->values[i], sizeof live->values[i]);
    }
}
