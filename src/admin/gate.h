/* SPDX-License-Identifier: MIT
 *
 * Who may look at the operators' pages: whoever has the token, or where there is none whoever is not led here
 * by a page elsewhere. Probes are open to all.
 */
#ifndef ADMIN_GATE_H
#define ADMIN_GATE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/digest.h"
#include "config/config.h"

struct exchange;

struct admin_gate {
    bool asks_for_token;
    uint8_t token[DIGEST_LEN]; /* its hash */
};

/* Reads admin.token_file, whose first line is the token; where there is none, none is needed. Blocks. 0; or
 * UV_EINVAL after a line in errors, which says what is wrong. */
int admin_gate_read(struct admin_gate *gate, const struct config *config, FILE *errors);

/* For a site, with the gate as its data. Adds the fields that a browser is to obey. */
bool admin_gate_admits(struct exchange *exchange, const void *gate);

#endif
