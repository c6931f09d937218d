/* SPDX-License-Identifier: MIT
 *
 * Warnings about settings that are valid but risky, for the log at the start and the status page.
 */
#ifndef CONFIG_WARNINGS_H
#define CONFIG_WARNINGS_H

#include "config/config.h"

#define CONFIG_WARNINGS_MAX 40
#define CONFIG_WARNING_LEN  256

/* Writes the warnings; returns how many. */
size_t config_warnings(const struct config *config, char warnings[CONFIG_WARNINGS_MAX][CONFIG_WARNING_LEN]);

#endif
