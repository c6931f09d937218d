/* SPDX-License-Identifier: MIT
 *
 * JSON as it is written, of bytes that need not be a message.
 */
#include "base/bytes.h"
#include "base/text.h"
#include "edge/http/json.h"
#include "fuzz.h"

#define OUT_MAX ((size_t)1 << 20)

/* The first byte: which message. */
void fuzz_json_write(const uint8_t *data, size_t size)
{
    if (size == 0)
        return;
    const struct message_desc *desc = fuzz_message(data[0], false);
    struct bytes text = { 0 };
    uint8_t *bytes = (uint8_t *)fuzz_text(data + 1, size - 1);
    if (json_from_message(desc, bytes, size - 1, &text, OUT_MAX) == 0)
        FUZZ_EXPECT(text_is_utf8(text.data, text.len));
    else
        FUZZ_EXPECT(text.len == 0);
    bytes_finish(&text);
    free(bytes);
}
