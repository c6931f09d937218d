/* SPDX-License-Identifier: MIT
 *
 * Reads .env files the way python-dotenv does, to its odd corners: NAME=value lines, an `export` in front,
 * comments, single quotes (literal), double quotes (with \n and its likes), quoted values over several lines,
 * lines that end in any way. Unlike it a quote that never closes is an error. `${NAME}` is not expanded here.
 */
#ifndef CONFIG_DOTENV_H
#define CONFIG_DOTENV_H

typedef void (*dotenv_entry_cb)(void *user, const char *name, const char *value, int line);

/* Calls on_entry for each NAME=value in the file's order, and for each NAME that stands alone, value NULL,
 * which takes back what was set above. Name and value live in text, which is overwritten. 0, or the number of
 * the line on which a quote opens that never closes. */
int dotenv_parse(char *text, dotenv_entry_cb on_entry, void *user);

#endif
