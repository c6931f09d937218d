/* SPDX-License-Identifier: MIT
 *
 * The ceiling: the least that a server on the gRPC C core can do. One thread, one registered method, one
 * fixed reply, no loop, no database. What svcd serves a second divided by this is what it adds.
 *
 * noop PORT METHOD REPLY_HEX: answers METHOD ("/package.Service/Method") with REPLY_HEX until it is killed.
 */
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <stdio.h>
#include <stdlib.h>

#include "edge/core/core_locks.h"

#define POSTED 512

struct call {
    grpc_call *grpc;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *payload;
    int cancelled;
    enum { REQUESTED, ANSWERED } state;
};

static grpc_server *server;
static grpc_completion_queue *queue;
static void *method;
static grpc_slice reply;

static void post(struct call *call)
{
    call->state = REQUESTED;
    call->metadata.count = 0;
    grpc_server_request_registered_call(server, method, &call->grpc, &call->deadline, &call->metadata,
                                        &call->payload, queue, queue, call);
}

static void answer(struct call *call)
{
    grpc_byte_buffer *message = grpc_raw_byte_buffer_create(&reply, 1);
    grpc_op ops[4] = {
        { .op = GRPC_OP_SEND_INITIAL_METADATA },
        { .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = message },
        { .op = GRPC_OP_SEND_STATUS_FROM_SERVER },
        { .op = GRPC_OP_RECV_CLOSE_ON_SERVER, .data.recv_close_on_server.cancelled = &call->cancelled },
    };
    call->state = ANSWERED;
    grpc_call_start_batch(call->grpc, ops, 4, call, NULL);
    grpc_byte_buffer_destroy(message);
    grpc_byte_buffer_destroy(call->payload);
}

static grpc_slice from_hex(const char *hex)
{
    unsigned char bytes[4096];
    size_t n = 0;
    for (unsigned value; n < sizeof bytes && sscanf(hex + 2 * n, "%2x", &value) == 1; n++)
        bytes[n] = (unsigned char)value;
    return grpc_slice_from_copied_buffer((const char *)bytes, n);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: noop PORT METHOD REPLY_HEX\n");
        return 2;
    }
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%s", argv[1]);
    core_locks_trust(); /* as svcd does */
    grpc_init();
    reply = from_hex(argv[3]);
    queue = grpc_completion_queue_create_for_next(NULL);
    server = grpc_server_create(NULL, NULL);
    grpc_server_register_completion_queue(server, queue, NULL);
    method = grpc_server_register_method(server, argv[2], NULL, GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER, 0);
    if (!grpc_server_add_http2_port(server, address, grpc_insecure_server_credentials_create())) {
        fprintf(stderr, "noop: cannot listen on %s\n", address);
        return 1;
    }
    grpc_server_start(server);
    static struct call calls[POSTED];
    for (size_t i = 0; i < POSTED; i++)
        post(&calls[i]);
    for (;;) {
        grpc_event event = grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        struct call *call = event.tag;
        if (call->state == REQUESTED && event.success && call->payload)
            answer(call);
        else {
            grpc_call_unref(call->grpc);
            post(call);
        }
    }
}
