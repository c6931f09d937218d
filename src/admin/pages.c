/* SPDX-License-Identifier: MIT */
#include "admin/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/effective.h"
#include "observe/metrics.h"

/* The page as it lies in the sources. */
__asm__(".section .rodata\n"
        "admin_page_begin: .incbin \"src/admin/page.html\"\n"
        "admin_page_end: .byte 0\n"
        ".previous\n");
extern const char admin_page_begin[], admin_page_end[];

static int put(struct bytes *text, const char *piece, size_t len)
{
    int rc = bytes_reserve(text, len);
    if (!rc)
        bytes_put(text, piece, len);
    return rc;
}

static int write_text(struct bytes *text, int status, const char *piece)
{
    return put(text, piece, strlen(piece)) ? 503 : status;
}

static int write_home(const struct admin_view *view, struct bytes *text)
{
    (void)view;
    return put(text, admin_page_begin, (size_t)(admin_page_end - admin_page_begin)) ? 503 : 200;
}

static int write_metrics(const struct admin_view *view, struct bytes *text)
{
    (void)view;
    return metrics_write(text) ? 503 : 200;
}

static int write_live(const struct admin_view *view, struct bytes *text)
{
    (void)view;
    return write_text(text, 200, "live\n");
}

static int write_ready(const struct admin_view *view, struct bytes *text)
{
    bool ready = admin_is_ready(view);
    return write_text(text, ready ? 200 : 503, ready ? "ready\n" : "not ready\n");
}

static int write_status(const struct admin_view *view, struct bytes *text)
{
    return admin_status_write(view, text) ? 503 : 200;
}

static int write_config(const struct admin_view *view, struct bytes *text)
{
    char *printed = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&printed, &len);
    if (!out)
        return 503;
    config_print(view->options.config, out);
    int rc = fclose(out) ? UV_ENOMEM : put(text, printed, len);
    free(printed);
    return rc ? 503 : 200;
}

static const struct admin_page pages[] = {
    { "/", "text/html; charset=utf-8", false, write_home },
    { "/status", "application/json", false, write_status },
    { "/metrics", "text/plain; version=0.0.4; charset=utf-8", false, write_metrics },
    { "/config", "text/plain; charset=utf-8", false, write_config },
    { "/livez", "text/plain; charset=utf-8", true, write_live },
    { "/readyz", "text/plain; charset=utf-8", true, write_ready },
};

const struct admin_page *admin_page_find(const char *path, size_t len)
{
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (strlen(pages[i].path) == len && memcmp(pages[i].path, path, len) == 0)
            return &pages[i];
    return NULL;
}

const char *admin_content_policy(void)
{
    return "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
           "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}
