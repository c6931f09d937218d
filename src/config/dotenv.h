/* SPDX-License-Identifier: MIT
 *
 * Parses .env files exactly as python-dotenv does: NAME=value lines, optionally after `export`, comments,
 * single quotes (literal), double quotes (with \n and similar escapes), quoted values over several lines, any
 * line ending. Unlike python-dotenv a quote that never closes is an error. `${NAME}` is not expanded here.
 * Any thread.
 */
#ifndef CONFIG_DOTENV_H
#define CONFIG_DOTENV_H

typedef void (*dotenv_entry_cb)(void *user, const char *name, const char *value, int line);

/* Calls on_entry for each NAME=value in the file's order, and with value NULL for each NAME that stands
 * alone, which unsets an earlier value. Name and value point into text, which is overwritten. Returns 0, or
 * the number of the line with the quote that never closes. */
int dotenv_parse(char *text, dotenv_entry_cb on_entry, void *user);

#endif
