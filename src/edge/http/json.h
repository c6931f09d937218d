/* SPDX-License-Identifier: MIT
 *
 * Translates between JSON text and protobuf bytes by descriptors, as proto3's JSON mapping defines it
 * (https://protobuf.dev/programming-guides/json/). So nothing behind the edge knows that a call was made in
 * JSON. No tree is built: each value is written as soon as it is read. Nothing is kept between calls; any
 * thread.
 */
#ifndef EDGE_HTTP_JSON_H
#define EDGE_HTTP_JSON_H

#include "base/bytes.h"
#include "base/descriptor.h"

#define JSON_DEPTH_MAX  100 /* levels of nested objects and lists */
#define JSON_QUOTED_MAX 200 /* characters of the sender's text in an error */

/* What is wrong, where and what would be right, as valid UTF-8 without control characters:
 * `skills[2]: an int64 is a whole number from … to …, got the string "x" (line 1, column 23, byte 22)`. Lines
 * and columns (characters) count from 1, bytes from 0. What was sent for a secret field is never quoted. */
struct json_error {
    char text[1024];
};

/* Appends the message to out: valid protobuf, its fields in the order of the text, default values of fields
 * without presence left out. What only a handler can judge (NUL in text, numbers of enums) is let through. 0;
 * UV_EINVAL: the text is no such message; UV_EMSGSIZE: the message would be longer than max; UV_ENOMEM. Each
 * failure fills the error and leaves out's contents as they were. */
int json_to_message(const struct message_desc *desc, const char *text, size_t len, struct bytes *out,
                    size_t max, struct json_error *error);

/* Appends the text to out: lowerCamelCase names, no white space; fields that are not in the bytes (default
 * values without presence) are left out. The bytes must be as encoders write them: fields in the order of
 * their numbers, each once, lists in one piece; fields unknown to desc are skipped. 0; UV_EINVAL: they are
 * not, or have text that is not UTF-8, or a timestamp out of range; UV_EMSGSIZE: the text would be longer
 * than max; UV_ENOMEM. Each failure leaves out's contents as they were. */
int json_from_message(const struct message_desc *desc, const uint8_t *bytes, size_t len, struct bytes *out,
                      size_t max);

#endif
