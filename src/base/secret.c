/* SPDX-License-Identifier: MIT
 *
 * Reads without stdio, whose buffers would keep a copy of the secret.
 */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
#include <uv.h>

#include "base/text.h"

/* Reads until the first line, the file or the buffer ends. Returns the bytes read, or a UV_E* code. */
static ssize_t read_line(int fd, char *text, size_t size)
{
    size_t len = 0;
    while (len < size) {
        ssize_t n = read(fd, text + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return uv_translate_sys_error(errno);
        len += (size_t)n;
        if (n == 0 || memchr(text, '\n', len))
            break;
    }
    const char *end = memchr(text, '\n', len);
    return end ? end - text : (ssize_t)len;
}

/* Removes a byte order mark; returns the length that is left. */
static size_t remove_mark(char *text, size_t len)
{
    size_t mark_len = text_mark_len(text, len);
    memmove(text, text + mark_len, len - mark_len);
    return len - mark_len;
}

int secret_read(char *text, size_t size, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? uv_translate_sys_error(errno) : read_line(fd, text, size);
    if (fd >= 0)
        close(fd);
    if (len > 0 && text[len - 1] == '\r')
        len--;
    if (len >= (ssize_t)size)
        len = UV_E2BIG;
    else if (len > 0 && memchr(text, '\0', (size_t)len))
        len = UV_EILSEQ;
    size_t kept = len > 0 ? remove_mark(text, (size_t)len) : 0;
    explicit_bzero(text + kept, size - kept);
    return len < 0 ? (int)len : 0;
}

const char *secret_read_error(int rc)
{
    return rc == UV_E2BIG    ? "the first line is too long"
           : rc == UV_EILSEQ ? "the first line holds a NUL byte"
                             : uv_strerror(rc);
}
