/* SPDX-License-Identifier: MIT */
#include "observe/grpc_codes.h"

static const struct {
    const char *name, *metric;
} codes[GRPC_CODES] = {
    { "OK", "OK" },
    { "CANCELLED", "Canceled" },
    { "UNKNOWN", "Unknown" },
    { "INVALID_ARGUMENT", "InvalidArgument" },
    { "DEADLINE_EXCEEDED", "DeadlineExceeded" },
    { "NOT_FOUND", "NotFound" },
    { "ALREADY_EXISTS", "AlreadyExists" },
    { "PERMISSION_DENIED", "PermissionDenied" },
    { "RESOURCE_EXHAUSTED", "ResourceExhausted" },
    { "FAILED_PRECONDITION", "FailedPrecondition" },
    { "ABORTED", "Aborted" },
    { "OUT_OF_RANGE", "OutOfRange" },
    { "UNIMPLEMENTED", "Unimplemented" },
    { "INTERNAL", "Internal" },
    { "UNAVAILABLE", "Unavailable" },
    { "DATA_LOSS", "DataLoss" },
    { "UNAUTHENTICATED", "Unauthenticated" },
};

const char *grpc_code_name(unsigned code)
{
    return codes[code].name;
}

const char *grpc_code_metric(unsigned code)
{
    return codes[code].metric;
}
