/* SPDX-License-Identifier: MIT
 *
 * Prints the table of configuration keys for tools/config-docs: rows of fields with tabs between them,
 * "section NAME DOC" and "key SECTION NAME DEFAULT TAKES CHANGE VARIABLE DOC".
 */
#include <stdio.h>

#include "config/config_keys.h"

int main(void)
{
    static const char *const changes[] = { [CONFIG_ON_RESTART] = "restart",
                                           [CONFIG_ON_RELOAD] = "reload",
                                           [CONFIG_ON_RELOAD_BUT_GRPC] = "reload (of grpc://: restart)" };
    for (size_t i = 0; i < config_sections_n; i++)
        printf("section\t%s\t%s\n", config_sections[i].name, config_sections[i].doc);
    for (size_t i = 0; i < config_keys_n; i++) {
        const struct config_key *key = &config_keys[i];
        char takes[CONFIG_EXPECTED_LEN];
        key->type->expect(key, takes);
        printf("key\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", key->section, key->name, key->fallback, takes,
               changes[key->change], key->environment ? key->environment : "", key->doc);
    }
    return 0;
}
