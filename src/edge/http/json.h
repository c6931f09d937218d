/* SPDX-License-Identifier: MIT
 *
 * Proto3's JSON mapping between JSON text and protobuf bytes, by descriptors: so nothing behind the edge
 * knows that a call was made in JSON. A reader and a writer of streams: no tree is built, each value is
 * written as it is read. Nothing is kept between calls; any thread.
 */
#ifndef EDGE_HTTP_JSON_H
#define EDGE_HTTP_JSON_H

#include "base/bytes.h"
#include "base/descriptor.h"

#define JSON_DEPTH_MAX  100 /* objects and lists within each other */
#define JSON_QUOTED_MAX 200 /* characters of the sender's text in an error */

/* What is wrong, where and what would be right, as valid UTF-8 without control characters:
 * `skills[2]: an int64 is a whole number from … to …, got the string "x" (line 1, column 23, byte 22)`. Lines
 * and columns (characters) count from 1, bytes from 0. What was sent for a secret field is never quoted. */
struct json_error {
    char text[1024];
};

/* Appends the message to out. It is written like any encoder might: fields in the order of the text, default
 * values of fields without presence left out. What only a handler can know (NUL in text, numbers of enums)
 * passes. UV_EINVAL: the text is no such message. UV_EMSGSIZE: the message would be longer than max.
 * UV_ENOMEM. All three fill the error, and leave out's contents as they were. */
int json_to_message(const struct message_desc *desc, const char *text, size_t len, struct bytes *out,
                    size_t max, struct json_error *error);

/* Appends the text to out: lowerCamelCase names, no white space, fields without presence left out at their
 * default, as they are in the bytes. These must be as encoders write them: fields in the order of their
 * numbers, each once, lists in one piece; fields unknown to desc are skipped. UV_EINVAL: they are not, or
 * text in them is not UTF-8, or a timestamp is none. UV_EMSGSIZE: more than max. UV_ENOMEM. All three leave
 * out's contents as they were. */
int json_from_message(const struct message_desc *desc, const uint8_t *bytes, size_t len, struct bytes *out,
                      size_t max);

#endif
