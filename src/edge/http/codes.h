/* SPDX-License-Identifier: MIT
 *
 * gRPC's status codes in the Connect protocol: their names and HTTP statuses. Any thread.
 */
#ifndef EDGE_HTTP_CODES_H
#define EDGE_HTTP_CODES_H

struct code {
    const char *name; /* "not_found" */
    int http;         /* the HTTP status of a unary answer */
};

/* By number, 0 to 16; any other is INTERNAL. */
const struct code *code_of(unsigned number);

#endif
