/* SPDX-License-Identifier: MIT
 *
 * A method's index in rpc_methods is its index in messages_of_methods, too: both are generated from the same
 * .proto files in the same order.
 */
#include "edge/http/codec_json.h"

#include <stdio.h>

#include "edge/http/json.h"
#include "messages.h"

#define REPLY_LEN_MAX ((size_t)1 << 30) /* bytes of JSON text */

static const struct method_desc *desc_of(const struct rpc_method *method)
{
    return &messages_of_methods[method - rpc_methods];
}

static int decode(const struct rpc_method *method, const uint8_t *text, size_t len, struct bytes *out,
                  size_t max, char *error, size_t error_size)
{
    struct json_error wrong;
    int rc = json_to_message(desc_of(method)->request, (const char *)text, len, out, max, &wrong);
    if (rc)
        snprintf(error, error_size, "%s", wrong.text);
    return rc;
}

static int encode(const struct rpc_method *method, const uint8_t *message, size_t len, struct bytes *out)
{
    return json_from_message(desc_of(method)->reply, message, len, out, REPLY_LEN_MAX);
}

const struct http_codec http_json = { .name = "json", .decode = decode, .encode = encode };
