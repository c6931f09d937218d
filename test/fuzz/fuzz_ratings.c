/* SPDX-License-Identifier: MIT
 *
 * Training histories in CSV.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "jobs/ratings_file.h"

static char folder[64];

static void leave(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/1-2.csv", folder);
    unlink(path);
    rmdir(folder);
}

static void write_history(const uint8_t *data, size_t size)
{
    char path[128];
    if (!*folder) {
        snprintf(folder, sizeof folder, "/dev/shm/svcd-fuzz.XXXXXX");
        FUZZ_EXPECT(mkdtemp(folder) != NULL && atexit(leave) == 0);
    }
    snprintf(path, sizeof path, "%s/1-2.csv", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FUZZ_EXPECT(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
}

void fuzz_ratings(const uint8_t *data, size_t size)
{
    struct ratings ratings = { 0 };
    write_history(data, size);
    ratings_read(&ratings, folder, fuzz_nowhere());
    ratings_finish(&ratings);
}
