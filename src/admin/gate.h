/* SPDX-License-Identifier: MIT
 *
 * Access to the operators' pages. With admin.token_file a request needs the token; without, it is refused
 * only if its host is a name, as protection against DNS rebinding by web pages. Probes are open to all.
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
    uint8_t token[DIGEST_LEN]; /* SHA-256 of the token */
};

/* Reads admin.token_file, whose first line is the token; if the key is empty no token is needed. Blocks; any
 * thread. Returns 0; or UV_EINVAL after a line in errors that says what is wrong. */
int admin_gate_read(struct admin_gate *gate, const struct config *config, FILE *errors);

/* The `admits` callback of a site, with the gate as its data. Also adds security headers for browsers. False:
 * it has answered with a refusal. Loop thread. */
bool admin_gate_admits(struct exchange *exchange, const void *gate);

#endif
