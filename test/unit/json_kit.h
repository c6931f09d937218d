/* SPDX-License-Identifier: MIT
 *
 * For the tests of JSON: the messages of json_types.proto, read and written. One of each is kept.
 */
#ifndef UNIT_JSON_KIT_H
#define UNIT_JSON_KIT_H

#include "edge/http/json.h"
#include "json_types.h"
#include "messages.h"

#define MAX_LEN ((size_t)1 << 20)

#define ALL      (&message_json_types_All)
#define LISTS    (&message_json_types_Lists)
#define PRESENCE (&message_json_types_Presence)

extern struct bytes message, text; /* what was read last, what was written last */
extern struct json_error json_error;

int read_len(const struct message_desc *desc, const char *json, size_t len);
int read_json(const struct message_desc *desc, const char *json);
/* The text that the message is written as, NUL at its end. */
const char *written(const struct message_desc *desc);
/* What is read is written as the other text. */
void becomes(const struct message_desc *desc, const char *json, const char *other);
void stays(const struct message_desc *desc, const char *json);
/* Reading fails with an error that has these words, and leaves nothing behind. */
void refused(const struct message_desc *desc, const char *json, const char *words);
void wire_is(const char *bytes, size_t len);

/* A suite of these tests. */
Suite *json_tests(const char *name, const TTest *const tests[], size_t n);

#endif
