/* SPDX-License-Identifier: MIT
 *
 * The names of gRPC's status codes, for operators. Static text; any thread.
 */
#ifndef OBSERVE_GRPC_CODES_H
#define OBSERVE_GRPC_CODES_H

#define GRPC_CODES 17 /* 0 to 16 (grpc/status.h); the functions below take no others */

/* "INVALID_ARGUMENT"; and as go-grpc-prometheus writes it: "InvalidArgument". */
const char *grpc_code_name(unsigned code);
const char *grpc_code_metric(unsigned code);

#endif
