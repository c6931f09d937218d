/* SPDX-License-Identifier: MIT */
#include "edge/core/health_client.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <grpc/support/time.h>
#include <pb_decode.h>
#include <pb_encode.h>
#include <stdio.h>
#include <string.h>

#include "edge/core/core_log.h"
#include "health.pb.h"

#define SERVICE_LEN_MAX 512
#define TARGET_LEN      1024

struct answer {
    grpc_metadata_array initial, trailing;
    grpc_byte_buffer *message;
    grpc_status_code code;
    grpc_slice details;
};

static grpc_byte_buffer *encode_request(const char *service)
{
    uint8_t bytes[SERVICE_LEN_MAX + 16];
    pb_ostream_t stream = pb_ostream_from_buffer(bytes, sizeof bytes);
    grpc_health_v1_HealthCheckRequest request = { .service = (char *)service };
    if (!pb_encode(&stream, grpc_health_v1_HealthCheckRequest_fields, &request))
        return NULL;
    grpc_slice slice = grpc_slice_from_copied_buffer((const char *)bytes, stream.bytes_written);
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return buffer;
}

static enum health_answer read_reply(grpc_byte_buffer *message)
{
    grpc_byte_buffer_reader reader;
    grpc_health_v1_HealthCheckResponse reply = { 0 };
    if (!message || !grpc_byte_buffer_reader_init(&reader, message))
        return HEALTH_UNREACHABLE;
    grpc_slice whole = grpc_byte_buffer_reader_readall(&reader);
    pb_istream_t stream = pb_istream_from_buffer(GRPC_SLICE_START_PTR(whole), GRPC_SLICE_LENGTH(whole));
    bool ok = pb_decode(&stream, grpc_health_v1_HealthCheckResponse_fields, &reply);
    grpc_slice_unref(whole);
    grpc_byte_buffer_reader_destroy(&reader);
    if (!ok)
        return HEALTH_UNREACHABLE;
    return reply.status == grpc_health_v1_HealthCheckResponse_ServingStatus_SERVING ? HEALTH_SERVING
                                                                                    : HEALTH_NOT_SERVING;
}

static void call(grpc_channel *channel, grpc_completion_queue *queue, grpc_byte_buffer *request,
                 gpr_timespec deadline, struct answer *answer)
{
    grpc_slice method = grpc_slice_from_static_string("/grpc.health.v1.Health/Check");
    grpc_call *grpc =
        grpc_channel_create_call(channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue, method, NULL, deadline, NULL);
    const grpc_op ops[] = {
        { .op = GRPC_OP_SEND_INITIAL_METADATA },
        { .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = request },
        { .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT },
        { .op = GRPC_OP_RECV_INITIAL_METADATA,
          .data.recv_initial_metadata.recv_initial_metadata = &answer->initial },
        { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &answer->message },
        { .op = GRPC_OP_RECV_STATUS_ON_CLIENT,
          .data.recv_status_on_client = { .trailing_metadata = &answer->trailing,
                                          .status = &answer->code,
                                          .status_details = &answer->details } },
    };
    if (grpc_call_start_batch(grpc, ops, sizeof ops / sizeof *ops, &answer->code, NULL) == GRPC_CALL_OK)
        grpc_completion_queue_pluck(queue, &answer->code, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
    grpc_call_unref(grpc);
}

static enum health_answer understand(const struct answer *answer, char *why, size_t why_size)
{
    *why = '\0';
    if (answer->code == GRPC_STATUS_OK)
        return read_reply(answer->message);
    snprintf(why, why_size, "%.*s", (int)GRPC_SLICE_LENGTH(answer->details),
             (const char *)GRPC_SLICE_START_PTR(answer->details));
    return answer->code == GRPC_STATUS_NOT_FOUND ? HEALTH_UNKNOWN_SERVICE : HEALTH_UNREACHABLE;
}

/* The core takes a socket's path for one of a URI: what would end or change it there is encoded. False: too
 * long. */
static bool write_target(char target[static TARGET_LEN], const char *address)
{
    size_t len = 0;
    bool is_path = strncmp(address, "unix:", strlen("unix:")) == 0;
    for (; *address && len + sizeof "%3f" <= TARGET_LEN; address++)
        len += (size_t)snprintf(target + len, TARGET_LEN - len,
                                is_path && strchr("%?#", *address) ? "%%%02x" : "%c", *address);
    target[len] = '\0';
    return !*address;
}

enum health_answer core_health_ask(const char *address, const char *service, unsigned timeout_ms, char *why,
                                   size_t why_size)
{
    char target[TARGET_LEN];
    if (!write_target(target, address)) {
        snprintf(why, why_size, "the address is too long");
        return HEALTH_UNREACHABLE;
    }
    grpc_byte_buffer *request = encode_request(service);
    if (!request) {
        snprintf(why, why_size, "the name is too long");
        return HEALTH_UNKNOWN_SERVICE;
    }
    core_log_start();
    grpc_init();
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    /* Connects to the server itself, not through the proxy in the environment variable http_proxy. */
    grpc_arg no_proxy = { .type = GRPC_ARG_INTEGER, .key = (char *)GRPC_ARG_ENABLE_HTTP_PROXY };
    const grpc_channel_args args = { .num_args = 1, .args = &no_proxy };
    grpc_channel *channel = grpc_channel_create(target, credentials, &args);
    grpc_completion_queue *queue = grpc_completion_queue_create_for_pluck(NULL);
    struct answer answer = { .code = GRPC_STATUS_UNKNOWN, .details = grpc_empty_slice() };
    gpr_timespec deadline =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis((int64_t)timeout_ms, GPR_TIMESPAN));
    call(channel, queue, request, deadline, &answer);
    enum health_answer understood = understand(&answer, why, why_size);
    grpc_byte_buffer_destroy(request);
    grpc_byte_buffer_destroy(answer.message);
    grpc_metadata_array_destroy(&answer.initial);
    grpc_metadata_array_destroy(&answer.trailing);
    grpc_slice_unref(answer.details);
    grpc_completion_queue_shutdown(queue);
    while (grpc_completion_queue_pluck(queue, NULL, gpr_inf_past(GPR_CLOCK_MONOTONIC), NULL).type !=
           GRPC_QUEUE_SHUTDOWN)
        ;
    grpc_completion_queue_destroy(queue);
    grpc_channel_destroy(channel);
    grpc_channel_credentials_release(credentials);
    grpc_shutdown_blocking();
    return understood;
}
