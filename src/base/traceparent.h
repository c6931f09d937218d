/* SPDX-License-Identifier: MIT
 *
 * The header `traceparent`, by which a caller says which trace a call belongs to (W3C Trace Context,
 * https://www.w3.org/TR/trace-context/). Any thread.
 */
#ifndef BASE_TRACEPARENT_H
#define BASE_TRACEPARENT_H

#include <stdbool.h>
#include <stdint.h>

struct traceparent {
    char trace_text[33]; /* 32 hexadecimal digits */
    uint8_t trace_id[16], parent_id[8];
    bool is_sampled;
};

/* False: malformed; *parent is not to be used. */
bool traceparent_parse(struct traceparent *parent, const char *text);

#endif
