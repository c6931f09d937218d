/* SPDX-License-Identifier: MIT
 *
 * What tests of the configuration share: a folder with a file and an .env, what they are loaded into, and
 * what was said of mistakes. The fixture makes and removes all of it.
 */
#ifndef UNIT_CONFIG_KIT_H
#define UNIT_CONFIG_KIT_H

#include <stddef.h>

#include "config/load.h"

extern char folder[24], file_path[64], dotenv_path[64];
extern struct config config;
extern struct config_source source;
extern char *config_errors;

void config_set_up(void);
void config_tear_down(void);

void write_bytes(const char *path, const char *bytes, size_t len);
void given_file(const char *text);
void given_dotenv(const char *text);

/* Loads source into config: config_load's result; the second fails the test unless that is 0. */
int load(void);
void must_load(void);
/* Paths of the folder are left out of what the errors are held against. */
void must_fail_with(const char *expected);

#endif
