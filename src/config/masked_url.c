/* SPDX-License-Identifier: MIT */
#include "config/masked_url.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static char *mask(const char *text, size_t before_len, const char *rest, bool has_user)
{
    size_t rest_len = strcspn(rest, "?");
    char *masked;
    int len = asprintf(&masked, "%.*s%s%.*s%s", (int)before_len, text, has_user ? CONFIG_MASK : "",
                       (int)rest_len, rest, rest[rest_len] ? "?" CONFIG_MASK : "");
    return len < 0 ? NULL : masked;
}

char *masked_url(const char *text)
{
    const char *scheme = strstr(text, "://");
    return scheme ? mask(text, (size_t)(scheme + 3 - text), scheme + 3, false) : strdup(text);
}

/* A password may hold what should have been encoded there, and so end the authority too early: then the last
 * @ before the query counts. */
char *masked_mistake(const char *text)
{
    const char *scheme = strstr(text, "://"), *host = scheme ? scheme + 3 : text;
    const char *at = memrchr(host, '@', strcspn(host, "/?#, "));
    if (!at)
        at = memrchr(host, '@', strcspn(host, "?"));
    if (at == host) /* nobody stands before it: "@daily" */
        at = NULL;
    bool is_url = scheme || at || (strchr(text, '?') && strchr(text, '='));
    return is_url ? mask(text, (size_t)(host - text), at ? at : host, at) : strdup(text);
}
