/* SPDX-License-Identifier: MIT
 *
 * What the files of the JSON reader share: json_read.c (fields), json_scan.c (literals), json_error.c.
 */
#ifndef EDGE_HTTP_JSON_READER_H
#define EDGE_HTTP_JSON_READER_H

#include "edge/http/json.h"

#define JSON_NO_INDEX SIZE_MAX

/* A step of the path to the value that is being read: a field, and an index if it is a list (else
 * JSON_NO_INDEX). */
struct json_step {
    const struct field_desc *field;
    size_t index;
};

struct json_reader {
    const char *text, *at, *end;
    struct bytes *out;
    size_t start; /* where the message begins in out */
    size_t max;
    unsigned depth;
    size_t path_n;
    struct json_error *error;
    struct json_step path[JSON_DEPTH_MAX];
};

/* ---- errors: each fills the error and returns its code ---- */

/* UV_EINVAL: the text at a place is wrong, as the format says. */
__attribute__((format(printf, 3, 4), cold)) int json_fail(struct json_reader *r, const char *at,
                                                          const char *format, ...);
/* As "expected WHAT, got …", quoting the value at that place unless its field is secret. */
__attribute__((cold)) int json_fail_value(struct json_reader *r, const char *at, const char *what);
/* As "expected WHAT, got …" with no more than a character quoted. */
__attribute__((cold)) int json_fail_syntax(struct json_reader *r, const char *at, const char *what);
/* As "no field NAME in MESSAGE, which has …", with the name quoted and desc's fields listed. */
__attribute__((cold)) int json_fail_name(struct json_reader *r, const char *at, const char *name, size_t len,
                                         const struct message_desc *desc);
__attribute__((cold)) int json_fail_memory(struct json_reader *r);
__attribute__((cold)) int json_fail_size(struct json_reader *r);

/* ---- writing ---- */

/* Makes room in out for so many bytes more. 0, UV_EMSGSIZE or UV_ENOMEM, as the errors above. */
int json_make_room(struct json_reader *r, size_t len);
/* What is written between open and close gets its length before it. Open leaves one byte for the length; if
 * it needs more, close moves what was written. */
size_t json_open_length(struct json_reader *r);
int json_close_length(struct json_reader *r, size_t start);

/* Writes the value of a field that is no message, without its tag. There must be room for a number or a
 * length. */
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

/* The character that comes next, or 0 at the end (a NUL in the text is an error, too). */
static inline char json_peek(const struct json_reader *r)
{
    return r->at < r->end ? *r->at : 0;
}

/* Skips a word such as null if it comes next. */
bool json_take_word(struct json_reader *r, const char *word);

/* Reads a string and decodes its escapes. Without escapes the span points into the text; with them it lies
 * behind out's contents, valid until out is written to. */
int json_read_string(struct json_reader *r, struct json_span *string);

/* Reads a number of JSON's grammar; the span points into the text. */
int json_read_number(struct json_reader *r, struct json_span *number);

/* Whether the whole text is a number of JSON's grammar. */
bool json_is_number(struct json_span text);

/* The integer that a number's text stands for, exactly: also 1.0 and 1e3. False: it is no integer, or has
 * more than 64 bits. */
bool json_whole_number(struct json_span number, bool *negative, uint64_t *magnitude);

/* Decodes base64, maybe in place: standard or URL-safe alphabet, padded or not. False: it is not base64. */
bool json_base64(struct json_span text, uint8_t *bytes, size_t *len);

#endif
