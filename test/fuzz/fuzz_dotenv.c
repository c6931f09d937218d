/* SPDX-License-Identifier: MIT
 *
 * .env files, and the configuration that is made of them.
 */
#include "config/load.h"
#include "fuzz.h"

void fuzz_dotenv(const uint8_t *data, size_t size)
{
    struct config config;
    char *const environment[] = { "OUTSIDE=from outside", NULL };
    struct config_source source = { .dotenv = fuzz_file(data, size), .environment = environment };
    if (config_load(&config, &source, fuzz_nowhere()) == 0)
        config_finish(&config);
}
