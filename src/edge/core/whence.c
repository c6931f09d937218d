/* SPDX-License-Identifier: MIT */
#include "edge/core/whence.h"

#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <stdio.h>

/* The core names a connection that was handed to it by its descriptor, "fd:12". It closes the descriptor only
 * after the last call on it is over, so the number cannot belong to another peer by now. */
bool core_peer(grpc_call *grpc, const struct peers *peers, struct ip *ip)
{
    int fd;
    char *name = grpc_call_get_peer(grpc);
    const struct ip *known = sscanf(name, "fd:%d", &fd) == 1 ? peers_find(peers, fd) : NULL;
    gpr_free(name);
    if (known)
        *ip = *known;
    return known;
}

const char *core_metadata(struct call *call, const grpc_metadata_array *sent, const char *key)
{
    const char *values = NULL;
    for (size_t i = 0; i < sent->count; i++) {
        grpc_slice value = sent->metadata[i].value;
        if (grpc_slice_str_cmp(sent->metadata[i].key, key) == 0)
            values =
                call_join(call, values, (const char *)GRPC_SLICE_START_PTR(value), GRPC_SLICE_LENGTH(value));
    }
    return values;
}
