/* SPDX-License-Identifier: MIT
 *
 * Counts the calls of calls.h that svcd's own code makes, and has one of them fail. The build renames them in
 * our objects alone, so libraries are left in peace; each stub here asks whether it is its turn, and else
 * goes on to the real function with everything as it was. A file of struct control, named by TORTURE in the
 * environment, is how a test says which call, and learns which it was.
 */
#ifndef __x86_64__
#error "the stubs are written for x86-64"
#endif

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <netdb.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>
#include <uv.h>
#include <zlib.h>

struct call {
    const char *name;
    long value;
    int error;
};

struct control {
    _Atomic uint64_t n;       /* calls so far */
    _Atomic uint64_t fail_at; /* the one that fails; 0: none */
    _Atomic uint64_t from;    /* where it was made, from the program's beginning on; 0: it has not been */
    char name[40];
};

static struct control *control;

extern const char __executable_start[];

__attribute__((constructor(101))) static void open_control(void)
{
    const char *path = getenv("TORTURE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *at = fd >= 0 ? mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (at != MAP_FAILED)
        control = at;
    if (fd >= 0)
        close(fd);
}

/* Without one SSL_get_error() would tell what the call before this one came to. */
static void leave_ssl_error(const char *name)
{
    static const char *const prefixes[] = { "SSL_", "BIO_", "X509_", "ASN1_", "EVP_" };
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            ERR_raise(ERR_LIB_SSL, ERR_R_MALLOC_FAILURE);
}

int torture_fails(const struct call *call, const char *from);

__attribute__((used)) int torture_fails(const struct call *call, const char *from)
{
    if (!control || atomic_fetch_add(&control->n, 1) + 1 != atomic_load(&control->fail_at))
        return 0;
    strncpy(control->name, call->name, sizeof control->name - 1);
    atomic_store(&control->from, (uint64_t)(from - __executable_start));
    leave_ssl_error(call->name);
    errno = call->error;
    return 1;
}

PGresult *torture_PQgetResult(PGconn *pg);

PGresult *torture_PQgetResult(PGconn *pg)
{
    static const struct call call = { .name = "PQgetResult", .error = ENOMEM };
    PGresult *result = PQgetResult(pg);
    ExecStatusType status = PQresultStatus(result);
    bool has_answer = status == PGRES_TUPLES_OK || status == PGRES_SINGLE_TUPLE || status == PGRES_COMMAND_OK;
    if (!result || !has_answer || !torture_fails(&call, __builtin_return_address(0)))
        return result;
    PQclear(result);
    return PQmakeEmptyPGresult(pg, PGRES_FATAL_ERROR);
}

int torture_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event);

int torture_epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    static const struct call call = { .name = "epoll_ctl", .error = ENOSPC };
    if (op == EPOLL_CTL_ADD && torture_fails(&call, __builtin_return_address(0)))
        return -1;
    return epoll_ctl(epoll, op, fd, event);
}

#define OWN_STUB(name)

#define CALL(name, value, error)                                                                             \
    __attribute__((used)) static const struct call call_##name = { #name, value, error };                    \
    __asm__(                                                                                                 \
        ".text\n.globl torture_" #name "\n.type torture_" #name ", @function\ntorture_" #name ":\n"          \
        "push %rbp\nmov %rsp, %rbp\nsub $192, %rsp\n"                                                        \
        "mov %rdi, 128(%rsp)\nmov %rsi, 136(%rsp)\nmov %rdx, 144(%rsp)\nmov %rcx, 152(%rsp)\n"               \
        "mov %r8, 160(%rsp)\nmov %r9, 168(%rsp)\nmov %rax, 176(%rsp)\n"                                      \
        "movups %xmm0, (%rsp)\nmovups %xmm1, 16(%rsp)\nmovups %xmm2, 32(%rsp)\nmovups %xmm3, 48(%rsp)\n"     \
        "movups %xmm4, 64(%rsp)\nmovups %xmm5, 80(%rsp)\nmovups %xmm6, 96(%rsp)\nmovups %xmm7, 112(%rsp)\n"  \
        "lea call_" #name "(%rip), %rdi\nmov 8(%rbp), %rsi\ncall torture_fails\nmov %eax, %r11d\n"           \
        "movups (%rsp), %xmm0\nmovups 16(%rsp), %xmm1\nmovups 32(%rsp), %xmm2\nmovups 48(%rsp), %xmm3\n"     \
        "movups 64(%rsp), %xmm4\nmovups 80(%rsp), %xmm5\nmovups 96(%rsp), %xmm6\nmovups 112(%rsp), %xmm7\n"  \
        "mov 128(%rsp), %rdi\nmov 136(%rsp), %rsi\nmov 144(%rsp), %rdx\nmov 152(%rsp), %rcx\n"               \
        "mov 160(%rsp), %r8\nmov 168(%rsp), %r9\nmov 176(%rsp), %rax\nleave\n"                               \
        "test %r11d, %r11d\njne 1f\njmp *" #name "@GOTPCREL(%rip)\n"                                         \
        "1: mov call_" #name "+8(%rip), %rax\nret\n");
#include "calls.h"
