/* SPDX-License-Identifier: MIT */
#include "admin/pages.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/effective.h"
#include "edge/http/exchange.h"
#include "edge/http/pages.h"
#include "observe/metrics.h"

/* Embeds page.html in the program. */
__asm__(".section .rodata\n"
        "admin_page_begin: .incbin \"src/admin/page.html\"\n"
        "admin_page_end: .byte 0\n"
        ".previous\n");
extern const char admin_page_begin[], admin_page_end[];

static void answer(struct exchange *exchange, const char *content_type, const void *text, size_t len)
{
    exchange_head_field(exchange, "cache-control", "no-store");
    exchange_answer(exchange, 200, content_type, text, len);
}

/* Answers with the text written, or 503 if there was no memory for it; frees it. */
static void answer_written(struct exchange *exchange, const char *content_type, struct bytes *text, int rc)
{
    static const char why[] = "out of memory\n";
    if (rc)
        exchange_answer(exchange, 503, "text/plain; charset=utf-8", why, sizeof why - 1);
    else
        answer(exchange, content_type, text->data, text->len);
    bytes_finish(text);
}

static void answer_home(struct exchange *exchange, const void *view)
{
    (void)view;
    answer(exchange, "text/html; charset=utf-8", admin_page_begin,
           (size_t)(admin_page_end - admin_page_begin));
}

static void answer_metrics(struct exchange *exchange, const void *view)
{
    (void)view;
    struct bytes text = { 0 };
    int rc = metrics_write(&text);
    answer_written(exchange, "text/plain; version=0.0.4; charset=utf-8", &text, rc);
}

static void answer_status(struct exchange *exchange, const void *view)
{
    struct bytes text = { 0 };
    int rc = admin_status_write(view, &text);
    answer_written(exchange, "application/json", &text, rc);
}

static void answer_config(struct exchange *exchange, const void *data)
{
    const struct admin_view *view = data;
    char *printed = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&printed, &len);
    if (out)
        config_print(view->options.config, out);
    struct bytes text = { 0 };
    int rc = !out || fclose(out) || bytes_reserve(&text, len) ? UV_ENOMEM : 0;
    if (!rc)
        bytes_put(&text, printed, len);
    free(printed);
    answer_written(exchange, "text/plain; charset=utf-8", &text, rc);
}

void admin_pages_set(struct http_page pages[ADMIN_PAGES_MAX], const struct admin_view *view)
{
    const struct http_page own[] = {
        { .path = "/", .verb = "GET", .answer = answer_home, .data = view },
        { .path = "/status", .verb = "GET", .answer = answer_status, .data = view },
        { .path = "/metrics", .verb = "GET", .answer = answer_metrics, .data = view },
        { .path = "/config", .verb = "GET", .answer = answer_config, .data = view },
    };
    size_t n = 0;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        pages[n++] = own[i];
    for (const struct http_page *probe = http_pages(false); probe->path; probe++)
        pages[n++] = *probe;
    pages[n] = (struct http_page){ 0 };
}
