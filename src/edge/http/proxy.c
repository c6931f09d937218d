/* SPDX-License-Identifier: MIT */
#include "edge/http/proxy.h"

#include <string.h>
#include <uv.h>

#define V1_LEN_MAX  107
#define V2_HEAD_LEN 16

static const uint8_t v2_signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                          0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };
static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

static bool begins(const uint8_t *bytes, size_t len, const void *expected, size_t expected_len)
{
    return memcmp(bytes, expected, len < expected_len ? len : expected_len) == 0;
}

/* "PROXY TCP4 192.0.2.1 192.0.2.2 1234 443\r\n" */
static int parse_v1(const uint8_t *bytes, size_t len, struct ip *ip, bool *has_ip)
{
    const uint8_t *end = memchr(bytes, '\n', len < V1_LEN_MAX ? len : V1_LEN_MAX);
    if (!end)
        return len < V1_LEN_MAX ? 0 : UV_EINVAL;
    const char *text = (const char *)bytes + 6;
    size_t left = (size_t)(end - bytes) - 6;
    if (left == 0 || end[-1] != '\r')
        return UV_EINVAL;
    if (left >= 7 && memcmp(text, "UNKNOWN", 7) == 0)
        return (int)(end - bytes) + 1;
    if (left < 5 || (memcmp(text, "TCP4 ", 5) != 0 && memcmp(text, "TCP6 ", 5) != 0))
        return UV_EINVAL;
    const char *blank = memchr(text + 5, ' ', left - 5);
    if (!blank || ip_parse(ip, text + 5, (size_t)(blank - text) - 5))
        return UV_EINVAL;
    *has_ip = true;
    return (int)(end - bytes) + 1;
}

static int parse_v2(const uint8_t *bytes, size_t len, struct ip *ip, bool *has_ip)
{
    if (len < V2_HEAD_LEN)
        return 0;
    size_t body = (size_t)bytes[14] << 8 | bytes[15];
    const uint8_t *address = bytes + V2_HEAD_LEN;
    uint8_t command = bytes[12] & 0x0f, family = bytes[13] >> 4;
    if (bytes[12] >> 4 != 2 || command > 1 || V2_HEAD_LEN + body > PROXY_LEN_MAX)
        return UV_EINVAL;
    if (len < V2_HEAD_LEN + body)
        return 0;
    if (command == 1 && family == 1) {
        if (body < 12)
            return UV_EINVAL;
        memcpy(ip->bytes, v4_prefix, sizeof v4_prefix);
        memcpy(ip->bytes + sizeof v4_prefix, address, 4);
        *has_ip = true;
    } else if (command == 1 && family == 2) {
        if (body < 36)
            return UV_EINVAL;
        memcpy(ip->bytes, address, 16);
        *has_ip = true;
    }
    return (int)(V2_HEAD_LEN + body);
}

int proxy_parse(const uint8_t *bytes, size_t len, struct ip *ip, bool *has_ip)
{
    *has_ip = false;
    if (begins(bytes, len, "PROXY ", 6))
        return len <= 6 ? 0 : parse_v1(bytes, len, ip, has_ip);
    if (begins(bytes, len, v2_signature, sizeof v2_signature))
        return parse_v2(bytes, len, ip, has_ip);
    return UV_EINVAL;
}
