/* SPDX-License-Identifier: MIT */
#include "edge/http/proxy.h"

#include <string.h>
#include <uv.h>

#include "edge/http/text.h"

#define V1_LEN_MAX  107 /* bytes of the line, as the specification says */
#define V2_HEAD_LEN 16

static const uint8_t v2_signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                          0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };
static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

static bool begins(const uint8_t *bytes, size_t len, const void *expected, size_t expected_len)
{
    return memcmp(bytes, expected, len < expected_len ? len : expected_len) == 0;
}

/* Takes the next word of a line whose words are separated by one blank; empty at the end. */
static struct http_text next_word(struct http_text *line)
{
    const char *blank = memchr(line->text, ' ', line->len);
    struct http_text word = { line->text, blank ? (size_t)(blank - line->text) : line->len };
    size_t taken = word.len + (blank != NULL);
    *line = (struct http_text){ line->text + taken, line->len - taken };
    return word;
}

static bool take_address(struct http_text *line, bool is_v6, struct ip *ip)
{
    struct http_text word = next_word(line);
    bool has_colon = memchr(word.text, ':', word.len);
    return has_colon == is_v6 && ip_parse(ip, word.text, word.len) == 0;
}

static bool take_port(struct http_text *line)
{
    int64_t port;
    return http_text_is_number(next_word(line), &port) && port <= UINT16_MAX;
}

/* "PROXY TCP4 192.0.2.1 192.0.2.2 1234 443\r\n" */
static int parse_v1(const uint8_t *bytes, size_t len, struct ip *ip, bool *has_ip)
{
    const uint8_t *end = memchr(bytes, '\n', len < V1_LEN_MAX ? len : V1_LEN_MAX);
    if (!end)
        return len < V1_LEN_MAX ? 0 : UV_EINVAL;
    if (end < bytes + 7 || end[-1] != '\r')
        return UV_EINVAL;
    struct http_text line = { (const char *)bytes + 6, (size_t)(end - bytes) - 7 };
    struct http_text family = next_word(&line);
    struct ip own;
    bool is_v6 = http_text_is(&family, "TCP6");
    if (http_text_is(&family, "UNKNOWN")) /* the rest of the line is to be ignored then */
        return (int)(end - bytes) + 1;
    if ((!is_v6 && !http_text_is(&family, "TCP4")) || !take_address(&line, is_v6, ip) ||
        !take_address(&line, is_v6, &own) || !take_port(&line) || !take_port(&line) || line.len)
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
