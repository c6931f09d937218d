/* SPDX-License-Identifier: MIT
 *
 * Who may look at the operators' pages: whoever has the token, or where there is none whoever is not led here
 * by a page elsewhere. Probes are open to all.
 */
#ifndef ADMIN_GATE_H
#define ADMIN_GATE_H

#include <stdbool.h>
#include <stddef.h>

#define ADMIN_TOKEN_MAX 256

struct exchange;

struct admin_gate {
    size_t token_len; /* 0: none is needed */
    char token[ADMIN_TOKEN_MAX + 1];
};

/* The token is the first line of the file; none is needed where the name is empty. UV_EINVAL: it is empty or
 * too long; or another UV_E* code. */
int admin_gate_read(struct admin_gate *gate, const char *file);

/* For a site, with the gate as its data. Adds the fields that a browser is to obey. */
bool admin_gate_admits(struct exchange *exchange, const void *gate);

#endif
