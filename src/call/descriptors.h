/* SPDX-License-Identifier: MIT
 *
 * For gRPC reflection: the .proto files as protoc describes them, and which file defines which name. The
 * tables are generated (generated/descriptors.c) and constant.
 */
#ifndef CALL_DESCRIPTORS_H
#define CALL_DESCRIPTORS_H

#include <pb.h>
#include <stddef.h>

struct descriptor_file {
    const char *name;              /* "meeting.proto" */
    const pb_bytes_array_t *proto; /* an encoded google.protobuf.FileDescriptorProto, without comments */
    const unsigned short *imports; /* indices in descriptor_files, each before this file's own */
    size_t imports_n;
};

struct descriptor_symbol {
    const char *name;    /* "package.Message.field"; likewise messages, enums, services, methods, ... */
    unsigned short file; /* index in descriptor_files */
};

struct descriptor_extension {
    const char *extendee; /* "package.Message" */
    int number;
    unsigned short file;
};

extern const struct descriptor_file descriptor_files[];
extern const size_t descriptor_files_n;
extern const struct descriptor_symbol descriptor_symbols[]; /* by name, as strcmp orders */
extern const size_t descriptor_symbols_n;
extern const struct descriptor_extension descriptor_extensions[]; /* by extendee, then number */
extern const size_t descriptor_extensions_n;

#endif
