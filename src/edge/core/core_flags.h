/* SPDX-License-Identifier: MIT
 *
 * The flag before a message as its peer sent it, which the gRPC core's interface does not tell.
 *
 * If a message is marked as compressed, but its encoding is unknown or was not named, the core hands over the
 * compressed bytes as if they were the message. If the flag is neither 0 nor 1 it hands over an empty
 * message. In both cases the interface reports no error, so the flag is read here to refuse such messages.
 */
#ifndef EDGE_CORE_CORE_FLAGS_H
#define EDGE_CORE_CORE_FLAGS_H

#include <grpc/grpc.h>
#include <stdint.h>

/* Bits of core_message_flags(). */
#define MARKED_COMPRESSED 0x80000000u /* the flag was 1: the core's GRPC_WRITE_INTERNAL_COMPRESS */
#define MARKED_UNKNOWN    0x40000000u /* the flag was neither 0 nor 1; ours, see core_flags.c */

/* The flags of the message that was read last of a call. A function of the core's; only its name is C++'s. */
uint32_t core_message_flags(grpc_call *call) __asm__("_Z37grpc_call_test_only_get_message_flagsP9grpc_call");

#endif
