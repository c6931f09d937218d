/* SPDX-License-Identifier: MIT
 *
 * Reads the configuration file, with inih.
 */
#include "config/loading.h"

#include <errno.h>
#include <ini.h>
#include <string.h>
#include <uv.h>

#include "config/load.h"

enum { LINE_MAX_BYTES = 4096 };

static bool is_utf16(const char *line, int len)
{
    return len > 1 && (memcmp(line, "\xff\xfe", 2) == 0 || memcmp(line, "\xfe\xff", 2) == 0);
}

/* inih ignores what follows the bracket. */
static bool has_more(const char *section)
{
    const char *rest = strchr(section, ']') + 1;
    rest += strspn(rest, " \t\r");
    return *rest && *rest != '#' && *rest != ';';
}

/* What is wrong with a line as such; NULL: nothing. */
static const char *line_mistake(const char *line, bool has_nul)
{
    const char *text = line + strspn(line, " \t"), *cr = strchr(line, '\r');
    if (has_nul)
        return "the line holds a NUL byte; remove it";
    if (cr && cr[1])
        return "the line holds a carriage return; end lines by line feeds";
    if (*text != '[')
        return NULL;
    if (!strchr(text, ']'))
        return "the section has no closing bracket; write it as [section]";
    return has_more(text) ? "something follows the section; write it on a line of its own" : NULL;
}

/* inih silently splits long lines, and ends a line at a NUL; this reader reports and drops such lines. */
static char *file_read_line(char *text, int size, void *user)
{
    struct load *load = user;
    struct origin origin = { load->source->file, ++load->line };
    bool too_long = false, has_nul = false;
    int len = 0, c;
    while ((c = getc(load->file)) != EOF && c != '\n') {
        has_nul |= c == '\0';
        if (len < size - 1)
            text[len++] = (char)c;
        else
            too_long = true;
    }
    if (c == EOF && len == 0)
        return NULL;
    text[len] = '\0';
    if (load->line == 1 && is_utf16(text, len)) {
        load_complain(load, (struct origin){ load->source->file, 0 }, "is UTF-16; save it as UTF-8");
        return NULL;
    }
    const char *mistake = line_mistake(text, has_nul);
    if (too_long)
        load_complain(load, origin, "the line is longer than %d bytes; shorten it", size - 1);
    else if (mistake)
        load_complain(load, origin, "%s", mistake);
    else
        return text;
    text[0] = '\0';
    return text;
}

static int file_on_value(void *user, const char *section, const char *name, const char *value)
{
    struct load *load = user;
    struct origin origin = { load->source->file, load->line };
    const struct config_key *key = config_key_find(section, name);
    if (!value) {
        int word_len = (int)strcspn(name, " \t"); /* the rest of the line may be a secret */
        load_complain(load, origin, "\"%.*s%s\" is neither [section] nor key = value", word_len, name,
                      name[word_len] ? " ..." : "");
    } else if (!key) {
        load_complain_unknown(load, origin, section, name);
    } else if (load->seen_on[key - config_keys] > 0) {
        load_complain(load, origin, "%s.%s stands in line %d already; keep one of them", section, name,
                      load->seen_on[key - config_keys]);
    } else {
        load->seen_on[key - config_keys] = load->line;
        load_set(load, origin, key, value);
    }
    return 1;
}

void load_file(struct load *load)
{
    load->file = fopen(load->source->file, "re");
    if (!load->file) {
        load_complain(load, (struct origin){ *load->source->file ? load->source->file : "--config", 0 },
                      "%s; give a readable file with --config", strerror(errno));
        return;
    }
    /* No inline comments: a password may contain ';'. No continuation lines: keys may be indented. */
    ini_allow_inline_comments = false;
    ini_allow_multiline = false;
    ini_allow_no_value = true;
    ini_use_stack = false;
    ini_initial_alloc = LINE_MAX_BYTES;
    ini_max_line = LINE_MAX_BYTES;
    int rc = ini_parse_stream(file_read_line, load, file_on_value, load);
    struct origin origin = { load->source->file, rc > 0 ? rc : 0 };
    if (ferror(load->file))
        load_complain(load, (struct origin){ load->source->file, 0 }, "cannot be read; is it a file?");
    else if (rc == -2)
        load->rc = UV_ENOMEM;
    else if (rc != 0 && load->rc == 0)
        load_complain(load, origin, "is neither [section] nor key = value");
    fclose(load->file);
}
