/* SPDX-License-Identifier: MIT
 *
 * grpc.reflection.v1 and its older name v1alpha: the .proto files, for clients that do not have them. It is a
 * dialogue: the handler runs for each question. If something is not found the answer is an error_response;
 * only an invalid question ends the call.
 */
#include <stdlib.h>
#include <string.h>

#include "call/descriptors.h"
#include "call/method.h"
#include "methods.h"

typedef grpc_reflection_v1_ServerReflectionRequest request;
typedef grpc_reflection_v1_ServerReflectionResponse response;

/* The common part of every response to `req`. */
static response response_to(const request *req)
{
    return (response){ .valid_host = req->host, .has_original_request = true, .original_request = *req };
}

static enum next not_found(struct call *call, const request *req, const char *message)
{
    response answer = response_to(req);
    grpc_reflection_v1_ErrorResponse error = { .error_code = STATUS_NOT_FOUND,
                                               .error_message = (char *)message };
    answer.which_message_response = grpc_reflection_v1_ServerReflectionResponse_error_response_tag;
    answer.message_response.error_response = error;
    return reply_server_reflection_info(call, answer);
}

/* ---- files ---- */

static void collect(size_t file, bool *wanted)
{
    if (wanted[file])
        return;
    wanted[file] = true;
    for (size_t i = 0; i < descriptor_files[file].imports_n; i++)
        collect(descriptor_files[file].imports[i], wanted);
}

/* Answers with a file, followed by all files that it imports directly or indirectly. */
static enum next reply_file(struct call *call, const request *req, size_t file)
{
    bool *wanted = call_alloc(call, descriptor_files_n, sizeof *wanted);
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
    pb_bytes_array_t **protos = call_alloc(call, descriptor_files_n, sizeof *protos);
    if (!wanted || !protos)
        return call_no_memory(call);
    collect(file, wanted);
    size_t n = 0;
    protos[n++] = (pb_bytes_array_t *)descriptor_files[file].proto;
    for (size_t i = 0; i < descriptor_files_n; i++)
        if (wanted[i] && i != file)
            protos[n++] = (pb_bytes_array_t *)descriptor_files[i].proto;
    grpc_reflection_v1_FileDescriptorResponse files = { .file_descriptor_proto_count = (pb_size_t)n,
                                                        .file_descriptor_proto = protos };
    response answer = response_to(req);
    answer.which_message_response = grpc_reflection_v1_ServerReflectionResponse_file_descriptor_response_tag;
    answer.message_response.file_descriptor_response = files;
    return reply_server_reflection_info(call, answer);
}

static enum next file_by_name(struct call *call, const request *req, const char *name)
{
    for (size_t i = 0; i < descriptor_files_n; i++)
        if (strcmp(descriptor_files[i].name, name) == 0)
            return reply_file(call, req, i);
    return not_found(call, req, "there is no file of that name");
}

static int compare_symbol(const void *name, const void *symbol)
{
    return strcmp(name, ((const struct descriptor_symbol *)symbol)->name);
}

static const struct descriptor_symbol *find_symbol(const char *name)
{
    return bsearch(name, descriptor_symbols, descriptor_symbols_n, sizeof *descriptor_symbols,
                   compare_symbol);
}

static enum next file_by_symbol(struct call *call, const request *req, const char *name)
{
    const struct descriptor_symbol *symbol = find_symbol(name);
    return symbol ? reply_file(call, req, symbol->file)
                  : not_found(call, req, "there is no symbol of that name");
}

/* ---- extensions ---- */

static enum next file_by_extension(struct call *call, const request *req,
                                   const grpc_reflection_v1_ExtensionRequest *asked)
{
    for (size_t i = 0; i < descriptor_extensions_n; i++)
        if (descriptor_extensions[i].number == asked->extension_number &&
            strcmp(descriptor_extensions[i].extendee, asked->containing_type ? asked->containing_type : "") ==
                0)
            return reply_file(call, req, descriptor_extensions[i].file);
    return not_found(call, req, "there is no such extension");
}

static enum next extension_numbers(struct call *call, const request *req, char *type)
{
    if (!find_symbol(type))
        return not_found(call, req, "there is no type of that name");
    int32_t *numbers = call_alloc(call, descriptor_extensions_n + 1, sizeof *numbers);
    if (!numbers)
        return call_no_memory(call);
    grpc_reflection_v1_ExtensionNumberResponse found = { .base_type_name = type,
                                                         .extension_number = numbers };
    for (size_t i = 0; i < descriptor_extensions_n; i++)
        if (strcmp(descriptor_extensions[i].extendee, type) == 0)
            numbers[found.extension_number_count++] = descriptor_extensions[i].number;
    response answer = response_to(req);
    answer.which_message_response =
        grpc_reflection_v1_ServerReflectionResponse_all_extension_numbers_response_tag;
    answer.message_response.all_extension_numbers_response = found;
    return reply_server_reflection_info(call, answer);
}

/* ---- services ---- */

static enum next list_services(struct call *call, const request *req)
{
    grpc_reflection_v1_ServiceResponse *services = call_alloc(call, rpc_services_n, sizeof *services);
    if (!services)
        return call_no_memory(call);
    for (size_t i = 0; i < rpc_services_n; i++)
        services[i].name = (char *)rpc_services[i];
    grpc_reflection_v1_ListServiceResponse list = { .service_count = (pb_size_t)rpc_services_n,
                                                    .service = services };
    response answer = response_to(req);
    answer.which_message_response = grpc_reflection_v1_ServerReflectionResponse_list_services_response_tag;
    answer.message_response.list_services_response = list;
    return reply_server_reflection_info(call, answer);
}

enum next reflection_server_reflection_info(struct call *call, const request *req)
{
    switch (req->which_message_request) {
    case grpc_reflection_v1_ServerReflectionRequest_file_by_filename_tag:
        return file_by_name(call, req, req->message_request.file_by_filename);
    case grpc_reflection_v1_ServerReflectionRequest_file_containing_symbol_tag:
        return file_by_symbol(call, req, req->message_request.file_containing_symbol);
    case grpc_reflection_v1_ServerReflectionRequest_file_containing_extension_tag:
        return file_by_extension(call, req, &req->message_request.file_containing_extension);
    case grpc_reflection_v1_ServerReflectionRequest_all_extension_numbers_of_type_tag:
        return extension_numbers(call, req, req->message_request.all_extension_numbers_of_type);
    case grpc_reflection_v1_ServerReflectionRequest_list_services_tag:
        return list_services(call, req);
    default:
        return call_fail(call, STATUS_INVALID_ARGUMENT, "message_request: nothing was asked");
    }
}
