/* SPDX-License-Identifier: MIT
 *
 * Configuration files.
 */
#include <string.h>

#include "config/load.h"
#include "fuzz.h"

void fuzz_config(const uint8_t *data, size_t size)
{
    struct config config;
    if (memmem(data, size, "_file", 5)) /* which may be any, that of the terminal, too */
        return;
    struct config_source source = { .file = fuzz_file(data, size) };
    if (config_load(&config, &source, fuzz_nowhere()) == 0)
        config_finish(&config);
}
