/* SPDX-License-Identifier: MIT
 *
 * The flag before a message, as its peer sent it, which the gRPC core's interface does not tell.
 *
 * The core knows that a message was marked as compressed, but forgets it where it does not know the encoding,
 * or none was named, and hands over the bytes as if they were the message. Of one whose flag is neither 0
 * nor 1 it makes an empty message, and says nothing of it at all.
 */
#ifndef EDGE_CORE_CORE_FLAGS_H
#define EDGE_CORE_CORE_FLAGS_H

#include <grpc/grpc.h>
#include <stdint.h>

/* Bits of core_message_flags(). */
#define MARKED_COMPRESSED 0x80000000u /* the core's GRPC_WRITE_INTERNAL_COMPRESS */
#define MARKED_UNKNOWN    0x40000000u /* ours: see core_flags.c */

/* Of the last message of a call that was read; it is C++'s by its name alone. */
uint32_t core_message_flags(grpc_call *call) __asm__("_Z37grpc_call_test_only_get_message_flagsP9grpc_call");

#endif
