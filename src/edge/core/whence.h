/* SPDX-License-Identifier: MIT
 *
 * A call of the gRPC core: its peer's address and its metadata. Loop thread only.
 */
#ifndef EDGE_CORE_WHENCE_H
#define EDGE_CORE_WHENCE_H

#include <grpc/grpc.h>
#include <stdbool.h>

#include "call/call.h"
#include "edge/peers.h"

/* As `peer` and `metadata` of struct call_transport. */
bool core_peer(grpc_call *grpc, const struct peers *peers, struct ip *ip);
const char *core_metadata(struct call *call, const grpc_metadata_array *sent, const char *key);

#endif
