/* SPDX-License-Identifier: MIT
 *
 * For a reload: compares two configurations, and takes over the values that may change while svcd runs.
 *
 * The struct of the configuration in force is kept and gets the new values, so that pointers to it stay
 * valid. Keys that need a restart keep their text, too, since other parts got pointers to it at the start.
 */
#ifndef CONFIG_ADOPT_H
#define CONFIG_ADOPT_H

#include "config/config_keys.h"

/* Whether a key's value differs between two configurations. */
bool config_differs(const struct config *a, const struct config *b, const struct config_key *key);

/* Moves the values of all keys that may change on a reload from `fresh` to `live`; `fresh` gets the old ones,
 * to be freed with config_finish(). Loop thread only. */
void config_adopt(struct config *live, struct config *fresh);

#endif
