/* SPDX-License-Identifier: MIT
 *
 * The core's function that parses a message's head stores the flags of the message, unless the head is wrong:
 * then it leaves what was stored before. So the linker (Makefile, --wrap) makes the core call the code below
 * instead, which first stores MARKED_UNKNOWN and then jumps to the core's function. It is assembly because
 * that function returns a C++ object, whose calling convention C cannot express.
 *
 * The function's fourth argument points to where the flags are stored, or is NULL.
 */
#include "edge/core/core_flags.h"

#define NAME "_Z40grpc_deframe_unprocessed_incoming_framesP18grpc_chttp2_streamPlPN9grpc_core11SliceBufferEPj"

_Static_assert(MARKED_UNKNOWN == 0x40000000u, "as it stands below");

__asm__(".text\n"
        ".globl __wrap_" NAME "\n"
        ".hidden __wrap_" NAME "\n"
        ".type __wrap_" NAME ", %function\n"
        "__wrap_" NAME ":\n"
#if defined __x86_64__ /* a hidden first argument is where the returned object goes, so r8 is the fourth */
        "    endbr64\n"
        "    testq %r8, %r8\n"
        "    jz 1f\n"
        "    movl $0x40000000, (%r8)\n"
        "1:  jmp __real_" NAME "\n"
#elif defined __aarch64__
        "    cbz x3, 1f\n"
        "    mov w9, #0x40000000\n"
        "    str w9, [x3]\n"
        "1:  b __real_" NAME "\n"
#else
#error "how this processor passes the fourth argument has to be written here"
#endif
        ".size __wrap_" NAME ", . - __wrap_" NAME "\n");
