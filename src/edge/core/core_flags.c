/* SPDX-License-Identifier: MIT
 *
 * The core writes a message's flags when it has read its head, unless that is wrong. So what stands there
 * before is what is found of a wrong one: the linker lets the core call what is below (Makefile, --wrap),
 * which writes MARKED_UNKNOWN there and goes on where the core wanted to. It is not in C because the function
 * returns an object of C++.
 *
 * Its fourth argument is where the flags go, or NULL.
 */
#include "edge/core/core_flags.h"

#define NAME "_Z40grpc_deframe_unprocessed_incoming_framesP18grpc_chttp2_streamPlPN9grpc_core11SliceBufferEPj"

_Static_assert(MARKED_UNKNOWN == 0x40000000u, "as it stands below");

__asm__(".text\n"
        ".globl __wrap_" NAME "\n"
        ".hidden __wrap_" NAME "\n"
        ".type __wrap_" NAME ", %function\n"
        "__wrap_" NAME ":\n"
#if defined __x86_64__ /* the first is where the object goes */
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
