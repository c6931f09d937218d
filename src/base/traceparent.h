/* SPDX-License-Identifier: MIT
 *
 * The header by which a caller says what trace a call belongs to: https://www.w3.org/TR/trace-context/
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

/* False: it is none, and nothing can be said of the trace. */
bool traceparent_parse(struct traceparent *parent, const char *text);

#endif
