/* SPDX-License-Identifier: MIT
 *
 * x-forwarded-for: who is believed is never one who is trusted to speak for others, unless all are.
 */
#include "base/address.h"
#include "fuzz.h"

void fuzz_forwarded(const uint8_t *data, size_t size)
{
    static struct network_list trusted;
    struct ip proxy = { { [10] = 0xff, [11] = 0xff, 10, 0, 0, 1 } }, stranger = { { 0x20, 0x01 } }, client;
    if (trusted.n == 0) {
        FUZZ_EXPECT(network_parse(&trusted.items[trusted.n++], "10.0.0.0/8") == 0);
        FUZZ_EXPECT(network_parse(&trusted.items[trusted.n++], "fd00::/8") == 0);
    }
    char *text = fuzz_text(data, size);
    ip_of_client(&client, &proxy, text, &trusted);
    FUZZ_EXPECT(ip_of_client(&client, &stranger, text, &trusted) && client.bytes[0] == 0x20);
    free(text);
}
