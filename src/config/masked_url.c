/* SPDX-License-Identifier: MIT */
#include "config/masked_url.h"

#include <stdio.h>
#include <string.h>

char *masked_url(const char *text)
{
    const char *scheme = strstr(text, "://");
    if (!scheme)
        return strdup(text);
    const char *host = scheme + 3;
    const char *at = memrchr(host, '@', strcspn(host, "/?#, "));
    const char *rest = at ? at : host;
    size_t rest_len = strcspn(rest, "?");
    char *masked;
    int len = asprintf(&masked, "%.*s%s%.*s%s", (int)(host - text), text, at ? CONFIG_MASK : "",
                       (int)rest_len, rest, rest[rest_len] ? "?" CONFIG_MASK : "");
    return len < 0 ? NULL : masked;
}
