/* SPDX-License-Identifier: MIT
 *
 * gRPC's status codes as whoever operates reads them. Static text; any thread.
 */
#ifndef OBSERVE_GRPC_CODES_H
#define OBSERVE_GRPC_CODES_H

#define GRPC_CODES 17 /* 0 to 16; others are no codes, and not to be asked for */

/* "INVALID_ARGUMENT", and as go-grpc-prometheus has it: "InvalidArgument". */
const char *grpc_code_name(unsigned code);
const char *grpc_code_metric(unsigned code);

#endif
