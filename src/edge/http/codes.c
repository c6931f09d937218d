/* SPDX-License-Identifier: MIT */
#include "edge/http/codes.h"

/* https://connectrpc.com/docs/protocol#error-codes */
static const struct code codes[] = {
    { "ok", 200 },
    { "canceled", 499 },
    { "unknown", 500 },
    { "invalid_argument", 400 },
    { "deadline_exceeded", 504 },
    { "not_found", 404 },
    { "already_exists", 409 },
    { "permission_denied", 403 },
    { "resource_exhausted", 429 },
    { "failed_precondition", 400 },
    { "aborted", 409 },
    { "out_of_range", 400 },
    { "unimplemented", 501 },
    { "internal", 500 },
    { "unavailable", 503 },
    { "data_loss", 500 },
    { "unauthenticated", 401 },
};

#define INTERNAL 13

const struct code *code_of(unsigned number)
{
    return &codes[number < sizeof codes / sizeof *codes ? number : INTERNAL];
}
