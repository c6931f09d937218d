/* SPDX-License-Identifier: MIT
 *
 * Descriptors of protobuf messages, for code that reads or writes messages without knowing their C structs
 * (JSON). The tables are generated from proto/ by tools/protoc-gen-messages (generated/messages.h). Constant;
 * any thread.
 */
#ifndef BASE_DESCRIPTOR_H
#define BASE_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers of google.protobuf.FieldDescriptorProto.Type. */
enum field_type {
    FIELD_DOUBLE = 1,
    FIELD_FLOAT = 2,
    FIELD_INT64 = 3,
    FIELD_UINT64 = 4,
    FIELD_INT32 = 5,
    FIELD_FIXED64 = 6,
    FIELD_FIXED32 = 7,
    FIELD_BOOL = 8,
    FIELD_STRING = 9,
    FIELD_MESSAGE = 11,
    FIELD_BYTES = 12,
    FIELD_UINT32 = 13,
    FIELD_ENUM = 14,
    FIELD_SFIXED32 = 15,
    FIELD_SFIXED64 = 16,
    FIELD_SINT32 = 17,
    FIELD_SINT64 = 18,
};

#define FIELD_TYPES_N 19

struct enum_value {
    const char *name;
    int32_t number;
};

struct enum_desc {
    const char *full_name;
    const struct enum_value *values;
    size_t values_n;
};

struct field_desc {
    const char *name;      /* as the .proto file has it */
    const char *json_name; /* lowerCamelCase */
    uint16_t name_len, json_name_len;
    uint32_t number;
    enum field_type type;
    bool repeated;
    bool packed;   /* a list is written packed; both encodings are read */
    bool presence; /* unset differs from set to the default: optional, oneof, messages */
    bool secret;   /* the value must never appear in an error or the log: text called "password" */
    uint8_t oneof; /* members of one oneof share a number from 1 on; 0: in none */
    const struct message_desc *message;  /* of FIELD_MESSAGE */
    const struct enum_desc *enumeration; /* of FIELD_ENUM */
};

enum message_form {
    MESSAGE_OF_FIELDS,
    MESSAGE_TIMESTAMP, /* google.protobuf.Timestamp, text in JSON */
};

#define MESSAGE_FIELDS_MAX 64 /* the generator refuses more */

struct message_desc {
    const char *full_name;           /* "package.Message" */
    const struct field_desc *fields; /* in the order of their numbers */
    size_t fields_n;
    enum message_form form;
};

struct method_desc {
    const char *path; /* "/package.Service/Method" */
    const struct message_desc *request, *reply;
    bool client_streaming, server_streaming;
};

#endif
