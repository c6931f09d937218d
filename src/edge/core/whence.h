/* SPDX-License-Identifier: MIT
 *
 * Whom a call of the core came from, and with what metadata. Loop thread only.
 */
#ifndef EDGE_CORE_WHENCE_H
#define EDGE_CORE_WHENCE_H

#include <grpc/grpc.h>
#include <stdbool.h>

#include "call/call.h"
#include "edge/peers.h"

/* As in struct call_transport. */
bool core_peer(grpc_call *grpc, const struct peers *peers, struct ip *ip);
const char *core_metadata(struct call *call, const grpc_metadata_array *sent, const char *key);

#endif
