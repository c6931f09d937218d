/* SPDX-License-Identifier: MIT
 *
 * PROXY heads, versions 1 and 2: one that is whole is the same head whatever follows, and until then more is
 * asked for.
 */
#include <string.h>

#include "edge/http/proxy.h"
#include "fuzz.h"

void fuzz_proxy(const uint8_t *data, size_t size)
{
    struct ip ip = { { 0 } }, again = { { 0 } };
    bool has_ip, has_again;
    uint8_t *bytes = (uint8_t *)fuzz_text(data, size);
    int len = size > 0 ? proxy_parse(bytes, size, &ip, &has_ip) : 0;
    FUZZ_EXPECT(len <= (int)size && len <= (int)PROXY_LEN_MAX);
    for (size_t n = 1; len > 0 && n <= (size_t)len; n++) {
        uint8_t *part = malloc(n);
        FUZZ_EXPECT(part != NULL);
        memcpy(part, bytes, n);
        FUZZ_EXPECT(proxy_parse(part, n, &again, &has_again) == (n < (size_t)len ? 0 : len));
        free(part);
    }
    if (len > 0)
        FUZZ_EXPECT(has_ip == has_again && memcmp(&ip, &again, sizeof ip) == 0);
    free(bytes);
}
