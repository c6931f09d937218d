/* SPDX-License-Identifier: MIT
 *
 * How JSON writes a value: text with its escapes, base64, numbers. Any thread.
 */
#ifndef EDGE_HTTP_JSON_PRINT_H
#define EDGE_HTTP_JSON_PRINT_H

#include "base/bytes.h"
#include "base/descriptor.h"

#define JSON_NUMBER_MAX_LEN 40 /* bytes of a number's text at most, with its quotation marks */

/* Appends a string. 0, UV_EINVAL if it is not UTF-8, or UV_ENOMEM. */
int json_put_utf8(struct bytes *out, const uint8_t *text, size_t len);

/* Appends a string of any bytes, for errors and pages: what is not UTF-8 becomes U+FFFD. 0 or UV_ENOMEM. */
int json_put_text(struct bytes *out, const char *text, size_t len);

/* Appends bytes as a string of base64: standard alphabet, padded. 0 or UV_ENOMEM. */
int json_put_base64(struct bytes *out, const uint8_t *in, size_t len);

/* Appends the number, bool or enum that a field's wire value stands for. There must be room for
 * JSON_NUMBER_MAX_LEN. */
void json_put_number(struct bytes *out, enum field_type type, uint64_t bits);

#endif
