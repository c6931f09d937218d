/* SPDX-License-Identifier: MIT */
#include "edge/http/text.h"

#define DIGITS_MAX 18 /* so many always fit an int64_t */

static const uint8_t tokens[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1,         ['&'] = 1,         ['\''] = 1,
    ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,         ['^'] = 1,         ['_'] = 1,
    ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['a' ... 'z'] = 1, ['A' ... 'Z'] = 2,
};

bool http_text_is_continue(struct http_text text)
{
    return http_text_is_any_case(text, "100-continue");
}

bool http_text_is_token(struct http_text text, bool may_have_capitals)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t kind = tokens[(unsigned char)text.text[i]];
        if (kind == 0 || (kind == 2 && !may_have_capitals))
            return false;
    }
    return text.len > 0;
}

bool http_text_is_visible(struct http_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.text[i] <= ' ' || text.text[i] == 0x7f)
            return false;
    return true;
}

bool http_text_is_value(struct http_text text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.text[i];
        if (c == '\0' || c == '\r' || c == '\n')
            return false;
    }
    return true;
}

bool http_text_is_line(struct http_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (((unsigned char)text.text[i] < ' ' && text.text[i] != '\t') || text.text[i] == 0x7f)
            return false;
    return true;
}

bool http_text_is_number(struct http_text text, int64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.text[i] < '0' || text.text[i] > '9' || i >= DIGITS_MAX)
            return false;
        *number = *number * 10 + (text.text[i] - '0');
    }
    return text.len > 0;
}

void http_text_split_query(struct http_text *path, struct http_text *query)
{
    const char *mark = memchr(path->text, '?', path->len);
    if (!mark)
        return;
    size_t len = (size_t)(mark - path->text);
    *query = (struct http_text){ mark + 1, path->len - len - 1 };
    path->len = len;
}
