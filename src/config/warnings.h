/* SPDX-License-Identifier: MIT
 *
 * What is allowed by a configuration and yet worth a word: told at start, and on the status page.
 */
#ifndef CONFIG_WARNINGS_H
#define CONFIG_WARNINGS_H

#include "config/config.h"

#define CONFIG_WARNINGS_MAX 40
#define CONFIG_WARNING_LEN  256

/* Returns how many there are. */
size_t config_warnings(const struct config *config, char warnings[CONFIG_WARNINGS_MAX][CONFIG_WARNING_LEN]);

#endif
