/* SPDX-License-Identifier: MIT
 *
 * What the files of the JSON reader share: json_read.c (fields), json_scan.c (literals), json_error.c.
 */
#ifndef EDGE_HTTP_JSON_READER_H
#define EDGE_HTTP_JSON_READER_H

#include "edge/http/json.h"

#define JSON_NO_INDEX SIZE_MAX

/* A field on the way to what is read now, and the place in its list. */
struct json_step {
    const struct field_desc *field;
    size_t index;
};

struct json_reader {
    const char *text, *at, *end;
    struct bytes *out;
    size_t start; /* of the message in out */
    size_t max;
    unsigned depth;
    size_t path_n;
    struct json_error *error;
    struct json_step path[JSON_DEPTH_MAX];
};

/* ---- errors: each fills the error and returns its code ---- */

/* UV_EINVAL: the text at a place is not as it must be. */
__attribute__((format(printf, 3, 4), cold)) int json_fail(struct json_reader *r, const char *at,
                                                          const char *format, ...);
/* As "expected WHAT, got …", quoting the value at that place unless its field is secret. */
__attribute__((cold)) int json_fail_value(struct json_reader *r, const char *at, const char *what);
/* As "expected WHAT, got …" with no more than a character quoted. */
__attribute__((cold)) int json_fail_syntax(struct json_reader *r, const char *at, const char *what);
/* The number or string at a place in quotation marks, cut and escaped. */
__attribute__((cold)) int json_fail_name(struct json_reader *r, const char *at, const char *name, size_t len,
                                         const struct message_desc *desc);
__attribute__((cold)) int json_fail_memory(struct json_reader *r);
__attribute__((cold)) int json_fail_size(struct json_reader *r);

/* ---- writing ---- */

/* Room for so many bytes more, unless the message is too long already. */
int json_make_room(struct json_reader *r, size_t len);
/* What is written between the two is preceded by its length; open has room for one byte, and close may move
 * it. */
size_t json_open_length(struct json_reader *r);
int json_close_length(struct json_reader *r, size_t start);

/* The value of a field that is no message, without its tag. There is room for a number or a length. */
int json_read_scalar(struct json_reader *r, const struct field_desc *field, bool *is_default);

/* ---- literals ---- */

struct json_span {
    const char *text;
    size_t len;
};

static inline void json_skip_space(struct json_reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
        r->at++;
}

/* The character that comes next, 0 at the end (a NUL is nothing that JSON has outside of strings either). */
static inline char json_peek(const struct json_reader *r)
{
    return r->at < r->end ? *r->at : 0;
}

/* Takes a word such as null if it stands there. */
bool json_take_word(struct json_reader *r, const char *word);

/* A string, decoded. Without escapes the span lies in the text; with them behind out's contents, until out is
 * written to. */
int json_read_string(struct json_reader *r, struct json_span *string);

/* A number as the grammar has it; the span lies in the text. */
int json_read_number(struct json_reader *r, struct json_span *number);

/* Whether all of it is a number as the grammar has it. */
bool json_is_number(struct json_span text);

/* The whole number that a number's text stands for: 1.0 and 1e3 do, exactly. False: none, or beyond 64 bits.
 */
bool json_whole_number(struct json_span number, bool *negative, uint64_t *magnitude);

/* In place or elsewhere; both alphabets, padded or not. False: it is none. */
bool json_base64(struct json_span text, uint8_t *bytes, size_t *len);

#endif
