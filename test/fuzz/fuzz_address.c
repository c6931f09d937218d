/* SPDX-License-Identifier: MIT
 *
 * Addresses to listen on, networks, addresses of peers: what is read is read again from how it is written.
 */
#include <string.h>

#include "base/address.h"
#include "fuzz.h"

static void listen_on(const char *text)
{
    static struct address_list list, again;
    char written[ADDRESS_TEXT_LEN + 16], address[ADDRESS_TEXT_LEN];
    list.n = again.n = 0;
    if (address_list_add(&list, text) || list.n == 0)
        return;
    address_format((struct sockaddr *)&list.items[0].socket, address);
    bool is_unix = strncmp(address, "unix:", 5) == 0;
    snprintf(written, sizeof written, "%s%s%s", is_unix ? "" : scheme_name(list.items[0].scheme),
             is_unix ? "" : "://", address);
    FUZZ_EXPECT(address_list_add(&again, written) == 0 && again.n == 1);
    FUZZ_EXPECT(again.items[0].scheme == list.items[0].scheme);
}

void fuzz_address(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), written[ADDRESS_TEXT_LEN];
    struct network network;
    struct ip ip, again;
    listen_on(text);
    if (network_parse(&network, text) == 0)
        FUZZ_EXPECT(network.bits >= 0 && network.bits <= 128);
    if (ip_parse(&ip, text, size) == 0) {
        ip_format(&ip, written);
        FUZZ_EXPECT(ip_parse(&again, written, strlen(written)) == 0 && memcmp(&ip, &again, sizeof ip) == 0);
        ip_keep_site(&ip);
    }
    free(text);
}
