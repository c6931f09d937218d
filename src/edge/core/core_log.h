/* SPDX-License-Identifier: MIT
 *
 * Sends the gRPC core's messages to our log and not straight to standard error, where a full pipe would block
 * the loop.
 */
#ifndef EDGE_CORE_LOG_H
#define EDGE_CORE_LOG_H

/* Before grpc_init. */
void core_log_start(void);

#endif
