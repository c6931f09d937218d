/* SPDX-License-Identifier: MIT
 *
 * For each type of value: how it is parsed, and how its valid values are described in errors. Lists are in
 * config_lists.c.
 */
#include "config/config_types.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/cron.h"

int config_number_parse(const char *value, int min, int max, int *number)
{
    size_t digits = strspn(value, "0123456789");
    if (digits == 0 || value[digits] || digits > 9)
        return UV_EINVAL;
    int parsed = atoi(value);
    if (parsed < min || parsed > max)
        return UV_EINVAL;
    *number = parsed;
    return 0;
}

static int int_parse(const struct config_key *key, const char *value, void *member)
{
    return config_number_parse(value, key->min, key->max, member);
}

static void int_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    snprintf(text, CONFIG_EXPECTED_LEN, "a whole number of %s from %d to %d", key->unit, key->min, key->max);
}

static int choice_parse(const struct config_key *key, const char *value, void *member)
{
    for (int i = 0; key->choices[i]; i++) {
        if (strcmp(key->choices[i], value) == 0) {
            *(int *)member = i;
            return 0;
        }
    }
    return UV_EINVAL;
}

static void choice_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    size_t len = 0;
    for (int i = 0; key->choices[i] && len < CONFIG_EXPECTED_LEN; i++) {
        const char *glue = i == 0 ? "" : key->choices[i + 1] ? ", " : " or ";
        len += (size_t)snprintf(text + len, CONFIG_EXPECTED_LEN - len, "%s%s", glue, key->choices[i]);
    }
}

/* Only digits with or without a point. strtod() is not used: it also takes exponents, hexadecimal and "inf",
 * and its decimal point depends on the locale. */
static int share_parse(const struct config_key *key, const char *value, void *member)
{
    size_t whole = strspn(value, "0123456789"), digits = 0;
    (void)key;
    if (value[whole] == '.')
        digits = strspn(value + whole + 1, "0123456789");
    bool has_point = value[whole] == '.';
    if (whole == 0 || whole > 3 || digits > 9 || has_point != (digits > 0) ||
        value[whole + has_point + digits])
        return UV_EINVAL;
    double number = atoi(value), place = 1;
    for (size_t i = 0; i < digits; i++)
        number += (value[whole + 1 + i] - '0') * (place /= 10);
    if (number > 1)
        return UV_EINVAL;
    *(double *)member = number;
    return 0;
}

static void share_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(text, CONFIG_EXPECTED_LEN, "a number from 0 to 1 (0.05: one in twenty)");
}

void config_text_finish(void *member)
{
    char **text = member;
    if (*text)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

int config_text_parse(const struct config_key *key, const char *value, void *member)
{
    (void)key;
    char *copy = strdup(value);
    if (!copy)
        return UV_ENOMEM;
    config_text_finish(member);
    *(char **)member = copy;
    return 0;
}

/* HOST or HOST:PORT, IPv6 in brackets. */
static bool is_authority(const char *text, size_t len)
{
    const char *end = memchr(text, ']', len);
    size_t host_len = *text == '[' && end ? (size_t)(end + 1 - text) : 0;
    while (*text != '[' && host_len < len && text[host_len] != ':')
        host_len++;
    char port[6];
    size_t port_len = len - host_len - (len > host_len);
    int number;
    if (host_len == 0 || memchr(text, '@', len) || port_len >= sizeof port)
        return false;
    snprintf(port, sizeof port, "%.*s", (int)port_len, text + len - port_len);
    return len == host_len || (text[host_len] == ':' && config_number_parse(port, 1, 65535, &number) == 0);
}

/* URLs with a user are refused, since a password in them would appear in the log. */
static int url_parse(const struct config_key *key, const char *value, void *member)
{
    bool has_scheme = strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0;
    const char *host = has_scheme ? strstr(value, "://") + 3 : "";
    if (*value && !is_authority(host, strcspn(host, "/?#")))
        return UV_EINVAL;
    for (const char *c = value; *c; c++)
        if (*c <= ' ' || *c > '~')
            return UV_EINVAL;
    return config_text_parse(key, value, member);
}

static void url_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(text, CONFIG_EXPECTED_LEN,
             "http://HOST or https://HOST, with :PORT and /PATH or without, or nothing");
}

static void text_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(text, CONFIG_EXPECTED_LEN, "text");
}

#define CREDENTIAL "credential:"

/* credential:NAME is a file that systemd passes by LoadCredential=. */
static int file_parse(const struct config_key *key, const char *value, void *member)
{
    char path[PATH_MAX];
    if (strncmp(value, CREDENTIAL, strlen(CREDENTIAL)) != 0)
        return config_text_parse(key, value, member);
    const char *folder = getenv("CREDENTIALS_DIRECTORY"), *name = value + strlen(CREDENTIAL);
    if (!*name || strchr(name, '/'))
        return UV_EINVAL;
    if (!folder || (size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path ||
        access(path, R_OK))
        return UV_ENOENT;
    return config_text_parse(key, path, member);
}

static void file_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(text, CONFIG_EXPECTED_LEN,
             "a file's path, or credential:NAME for a systemd credential (LoadCredential=NAME:PATH)");
}

static int schedule_parse(const struct config_key *key, const char *value, void *member)
{
    (void)key;
    return cron_parse(member, value);
}

static void schedule_expect(const struct config_key *key, char text[static CONFIG_EXPECTED_LEN])
{
    (void)key;
    snprintf(text, CONFIG_EXPECTED_LEN,
             "minute hour day month weekday, in UTC, of *, numbers, A-B, /STEP and commas (0 0 * * 0: "
             "Sundays at 00:00)");
}

const struct config_type config_type_int = { int_parse, int_expect, NULL };
const struct config_type config_type_choice = { choice_parse, choice_expect, NULL };
const struct config_type config_type_share = { share_parse, share_expect, NULL };
const struct config_type config_type_url = { url_parse, url_expect, config_text_finish };
const struct config_type config_type_file = { file_parse, file_expect, config_text_finish };
const struct config_type config_type_text = { config_text_parse, text_expect, config_text_finish };
const struct config_type config_type_schedule = { schedule_parse, schedule_expect, NULL };
