/* SPDX-License-Identifier: MIT
 *
 * The JSON codec for test_json.py: `read MESSAGE LEN\n` and so many bytes of text are answered with `ok
 * LEN\n` and the message's bytes, or `error LEN\n` and what is wrong; `write MESSAGE LEN\n` the other way.
 */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "edge/http/json.h"
#include "json_types.h"
#include "messages.h"

#define MAX_LEN ((size_t)1 << 24)

static const struct message_desc *find(const char *name)
{
    static const struct message_desc *const own[] = { &message_json_types_All, &message_json_types_Lists,
                                                      &message_json_types_Presence };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(own[i]->full_name, name) == 0)
            return own[i];
    for (size_t i = 0; i < messages_of_methods_n; i++) {
        if (strcmp(messages_of_methods[i].request->full_name, name) == 0)
            return messages_of_methods[i].request;
        if (strcmp(messages_of_methods[i].reply->full_name, name) == 0)
            return messages_of_methods[i].reply;
    }
    return NULL;
}

static int translate(const char *way, const struct message_desc *desc, const char *input, size_t len,
                     struct bytes *out, struct json_error *error)
{
    if (strcmp(way, "read") == 0)
        return json_to_message(desc, input, len, out, MAX_LEN, error);
    int rc = json_from_message(desc, (const uint8_t *)input, len, out, MAX_LEN);
    if (rc)
        snprintf(error->text, sizeof error->text, "%s", uv_strerror(rc));
    return rc;
}

int main(void)
{
    char way[8], name[128];
    size_t len;
    struct bytes out = { 0 };
    struct json_error error;
    while (scanf("%7s %127s %zu", way, name, &len) == 3 && getchar() == '\n' && len <= MAX_LEN) {
        const struct message_desc *desc = find(name);
        char *input = malloc(len ? len : 1);
        if (!input || !desc || fread(input, 1, len, stdin) != len)
            return EXIT_FAILURE;
        out.len = 0;
        if (translate(way, desc, input, len, &out, &error) == 0) {
            printf("ok %zu\n", out.len);
            fwrite(out.data, 1, out.len, stdout);
        } else {
            printf("error %zu\n%s", strlen(error.text), error.text);
        }
        fflush(stdout);
        free(input);
    }
    bytes_finish(&out);
    return EXIT_SUCCESS;
}
