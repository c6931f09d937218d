/* SPDX-License-Identifier: MIT
 *
 * The memory of a call: its arena, text that is made in it, and the results whose rows its handler may still
 * read. It ends with the call; a stream gives back after each message what it used for it.
 */
#include "call/call.h"

#include <pb_decode.h>
#include <stdarg.h>
#include <uv.h>

#include "base/text.h"
#include "call/request.h"
#include "db/result.h"

#define QUOTED_MAX_CHARACTERS 200

struct held_result {
    struct held_result *next;
    struct result *result;
};

void *call_alloc(struct call *call, size_t n, size_t size)
{
    size_t len;
    if (__builtin_mul_overflow(n, size, &len))
        return NULL;
    return arena_alloc(&call->arena, len);
}

char *call_printf(struct call *call, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(&call->arena, format, args);
    va_end(args);
    return text;
}

const char *call_quote(struct call *call, const char *text)
{
    text = text ? text : "";
    size_t len = text_len_of(text, QUOTED_MAX_CHARACTERS);
    bool whole = text[len] == '\0';
    if (!whole)
        len = text_len_of(text, QUOTED_MAX_CHARACTERS - 1);
    return call_printf(call, "\"%.*s%s\"", (int)len, text, whole ? "" : TEXT_ELLIPSIS)
               ?: "\"" TEXT_ELLIPSIS "\"";
}

const char *call_join(struct call *call, const char *values, const char *text, size_t len)
{
    const char *joined =
        call_printf(call, "%s%s%.*s", values ? values : "", values ? "," : "", (int)len, text);
    call->out_of_memory |= !joined;
    return joined;
}

int call_hold_result(struct call *call, struct result *result)
{
    struct held_result *held = arena_alloc(&call->arena, sizeof *held);
    if (!held)
        return UV_ENOMEM;
    result_hold(result);
    *held = (struct held_result){ .next = call->results, .result = result };
    call->results = held;
    return 0;
}

struct call_mark call_mark(const struct call *call)
{
    return (struct call_mark){ .arena = arena_mark(&call->arena), .results = call->results };
}

void call_forget(struct call *call, struct call_mark mark)
{
    for (; call->results != mark.results; call->results = call->results->next)
        result_release(call->results->result);
    if (call->request && !mark.arena.block) {
        request_wipe_secrets(call->method, call->request);
        pb_release(call->method->request_fields, call->request);
        call->request = NULL;
    }
    arena_rewind(&call->arena, mark.arena);
}

void call_finish(struct call *call)
{
    arena_finish(&call->arena);
}
