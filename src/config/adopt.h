/* SPDX-License-Identifier: MIT
 *
 * From one configuration to another while svcd runs: what differs, and what may.
 *
 * A configuration that is in force stays where it is, so that pointers to it hold, and takes over values;
 * texts of keys that need a restart stay, too, for those were handed on at the start.
 */
#ifndef CONFIG_ADOPT_H
#define CONFIG_ADOPT_H

#include "config/config_keys.h"

/* Whether a key has another value in the one than in the other. */
bool config_differs(const struct config *a, const struct config *b, const struct config_key *key);

/* `live` takes the values of `fresh` of all keys that may change on a reload, for its own. */
void config_adopt(struct config *live, struct config *fresh);

#endif
