/* SPDX-License-Identifier: MIT
 *
 * JSON as it is read: what was read is written, and reads the same again.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "edge/http/json.h"
#include "fuzz.h"

#define OUT_MAX ((size_t)1 << 20)

static void read_again(const struct message_desc *desc, const struct bytes *message)
{
    struct bytes text = { 0 }, again = { 0 }, twice = { 0 };
    struct json_error error;
    if (json_from_message(desc, message->data, message->len, &text, OUT_MAX) == 0) {
        FUZZ_EXPECT(text_is_utf8(text.data, text.len));
        FUZZ_EXPECT(json_to_message(desc, (const char *)text.data, text.len, &again, OUT_MAX, &error) == 0);
        FUZZ_EXPECT(json_from_message(desc, again.data, again.len, &twice, OUT_MAX) == 0);
        FUZZ_EXPECT(twice.len == text.len && memcmp(twice.data, text.data, text.len) == 0);
    }
    bytes_finish(&text);
    bytes_finish(&again);
    bytes_finish(&twice);
}

/* The first byte: which message. */
void fuzz_json(const uint8_t *data, size_t size)
{
    if (size == 0)
        return;
    const struct message_desc *desc = fuzz_message(data[0], true);
    struct bytes message = { 0 };
    struct json_error error;
    char *text = malloc(size);
    FUZZ_EXPECT(text != NULL);
    memcpy(text, data + 1, size - 1);
    if (json_to_message(desc, text, size - 1, &message, OUT_MAX, &error) == 0)
        read_again(desc, &message);
    else
        FUZZ_EXPECT(text_is_utf8((const uint8_t *)error.text, strlen(error.text)) && message.len == 0);
    bytes_finish(&message);
    free(text);
}
