/* SPDX-License-Identifier: MIT
 *
 * Prints the table of configuration keys for tools/config-docs, as rows of fields separated by tabs:
 * "section NAME DOC" and "key SECTION NAME DEFAULT TAKES CHANGE VARIABLE DOC". If the table has mistakes, it
 * prints these instead, one a line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_keys.h"
#include "config/load.h"

#define TABLE "src/config/config_keys.c: "

static int check_defaults(void)
{
    struct config config;
    char *text = NULL;
    size_t len;
    FILE *errors = open_memstream(&text, &len);
    if (!errors)
        return 0;
    int rc = config_load(&config, &(struct config_source){ 0 }, errors);
    if (!rc)
        config_finish(&config);
    fclose(errors);
    for (char *line = rc ? strtok(text, "\n") : NULL; line; line = strtok(NULL, "\n"))
        fprintf(stderr, TABLE "%s\n", line);
    free(text);
    return rc;
}

static int check_places(void)
{
    int n = 0;
    size_t section = 0;
    for (size_t i = 0; i < config_keys_n; i++) {
        const struct config_key *key = &config_keys[i];
        if (config_key_find(key->section, key->name) != key)
            n += fprintf(stderr, TABLE "%s.%s is there twice; remove one\n", key->section, key->name);
        while (section < config_sections_n && strcmp(config_sections[section].name, key->section) != 0)
            section++;
        if (section < config_sections_n)
            continue;
        fprintf(
            stderr,
            TABLE
            "%s.%s: config_sections has no such section, or a key of another stands before it; move that\n",
            key->section, key->name);
        return 1;
    }
    return n > 0;
}

int main(void)
{
    static const char *const changes[] = { [CONFIG_ON_RESTART] = "restart",
                                           [CONFIG_ON_RELOAD] = "reload",
                                           [CONFIG_ON_RELOAD_BUT_GRPC] = "reload (grpc://: restart)" };
    if (check_places() || check_defaults())
        return EXIT_FAILURE;
    for (size_t i = 0; i < config_sections_n; i++)
        printf("section\t%s\t%s\n", config_sections[i].name, config_sections[i].doc);
    for (size_t i = 0; i < config_keys_n; i++) {
        const struct config_key *key = &config_keys[i];
        char takes[CONFIG_EXPECTED_LEN];
        key->type->expect(key, takes);
        printf("key\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", key->section, key->name, key->fallback, takes,
               changes[key->change], key->environment ? key->environment : "", key->doc);
    }
    return EXIT_SUCCESS;
}
