/* SPDX-License-Identifier: MIT */
#include "jobs/ratings_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/text.h"

static const char header[] = "SkillOverlap,AgeDifference,Rating";

/* The ranges that the training history accepts (sql/functions/jobs.sql), and that of a rating. */
#define OVERLAP_MAX 10000
#define AGE_MAX     10000
#define RATING_MAX  5.0
/* In all files together: they are sent to the server in one message, at most a gigabyte. */
#define SAMPLES_MAX 10000000

struct sample {
    long overlap, age;
    double rating;
};

/* ---- a row ---- */

/* The whole number at *text, which is moved past it; false if there is none in the range. */
static bool read_whole(const char **text, long min, long max, long *value)
{
    char *end;
    if (strspn(*text, "-0123456789") == 0)
        return false;
    errno = 0;
    *value = strtol(*text, &end, 10);
    bool good = end != *text && !errno && *value >= min && *value <= max;
    *text = end;
    return good;
}

static bool read_rating(const char *text, double *rating)
{
    char *end;
    size_t len = strlen(text);
    if (len == 0 || strspn(text, "0123456789.eE+-") != len)
        return false;
    *rating = strtod(text, &end);
    return !*end && *rating >= 0 && *rating <= RATING_MAX;
}

/* NULL: the row is valid; else what would be right. */
static const char *read_row(const char *row, struct sample *sample)
{
    if (!read_whole(&row, 0, OVERLAP_MAX, &sample->overlap) || *row++ != ',')
        return "expected a skill overlap, a whole number from 0 to 10000, and a comma";
    if (!read_whole(&row, -AGE_MAX, AGE_MAX, &sample->age) || *row++ != ',')
        return "expected an age difference, a whole number from -10000 to 10000, and a comma, after the "
               "skill overlap";
    if (!read_rating(row, &sample->rating))
        return "expected a rating, a number from 0 to 5, and nothing else, after the age difference";
    return NULL;
}

static int grow(void *array, size_t n, size_t size)
{
    void *grown = reallocarray(*(void **)array, n, size);
    if (!grown)
        return UV_ENOMEM;
    *(void **)array = grown;
    return 0;
}

static int add_sample(struct ratings *ratings, const struct sample *sample)
{
    if (ratings->samples_n == ratings->samples_max) {
        size_t n = ratings->samples_max ? ratings->samples_max * 2 : 1024;
        if (grow(&ratings->sample_files, n, sizeof *ratings->sample_files) ||
            grow(&ratings->skill_overlaps, n, sizeof *ratings->skill_overlaps) ||
            grow(&ratings->age_differences, n, sizeof *ratings->age_differences) ||
            grow(&ratings->ratings, n, sizeof *ratings->ratings))
            return UV_ENOMEM;
        ratings->samples_max = n;
    }
    size_t i = ratings->samples_n++;
    ratings->sample_files[i] = (int64_t)ratings->files_n;
    ratings->skill_overlaps[i] = sample->overlap;
    ratings->age_differences[i] = sample->age;
    snprintf(ratings->ratings[i], RATING_LEN, "%.17g", sample->rating);
    return 0;
}

/* ---- a file ---- */

/* Ends the line at *text and moves past it; a carriage return before the end is not part of it. */
static char *next_line(char **text, char *end)
{
    char *line = *text;
    char *stop = memchr(line, '\n', (size_t)(end - line));
    *text = stop ? stop + 1 : end;
    if (!stop)
        stop = end;
    if (stop > line && stop[-1] == '\r')
        stop--;
    *stop = '\0';
    return line;
}

/* `text` has a NUL after its `len` bytes. */
static int read_lines(struct ratings *ratings, const char *path, char *text, size_t len, FILE *errors)
{
    char *end = text + len;
    if (memchr(text, '\0', len)) {
        fprintf(errors, "%s: holds a NUL byte; is it a CSV file?\n", path);
        return UV_EINVAL;
    }
    text += text_mark_len(text, len);
    if (strcmp(next_line(&text, end), header) != 0) {
        fprintf(errors, "%s:1: expected the header %s\n", path, header);
        return UV_EINVAL;
    }
    for (size_t number = 2; text < end; number++) {
        struct sample sample;
        const char *row = next_line(&text, end), *wrong = read_row(row, &sample);
        if (wrong) {
            fprintf(errors, "%s:%zu: \"%.80s\": %s\n", path, number, row, wrong);
            return UV_EINVAL;
        }
        if (ratings->samples_n == SAMPLES_MAX) {
            fprintf(errors, "%s:%zu: more than %d ratings in all; import fewer files at a time\n", path,
                    number, SAMPLES_MAX);
            return UV_EINVAL;
        }
        if (add_sample(ratings, &sample))
            return UV_ENOMEM;
    }
    return 0;
}

/* The whole file with a NUL after it, or NULL with errno. */
static char *read_whole_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t max = 0;
    *len = 0;
    if (!file)
        return NULL;
    do {
        max = max ? max * 2 : 65536;
        char *grown = realloc(text, max);
        if (!grown) {
            free(text);
            fclose(file);
            return NULL;
        }
        text = grown;
        *len += fread(text + *len, 1, max - 1 - *len, file);
    } while (*len == max - 1);
    int error = ferror(file) ? errno : 0;
    fclose(file);
    if (error) {
        free(text);
        errno = error;
        return NULL;
    }
    text[*len] = '\0';
    return text;
}

static int read_file(struct ratings *ratings, const char *path, FILE *errors)
{
    size_t len;
    char *text = read_whole_file(path, &len);
    if (!text) {
        fprintf(errors, "%s: %s\n", path, strerror(errno));
        return errno == ENOMEM ? UV_ENOMEM : UV_EINVAL;
    }
    digest_hex(ratings->files[ratings->files_n - 1].checksum, text, len);
    int rc = read_lines(ratings, path, text, len, errors);
    free(text);
    return rc;
}

/* ---- a folder ---- */

/* "A-B.csv", without leading zeros. */
static bool read_name(const char *name, struct ratings_file *file)
{
    const char *at = name;
    long area1_id, area2_id;
    if (*at < '1' || *at > '9' || !read_whole(&at, 1, INT32_MAX, &area1_id) || *at++ != '-')
        return false;
    if (*at < '1' || *at > '9' || !read_whole(&at, area1_id + 1, INT32_MAX, &area2_id))
        return false;
    *file = (struct ratings_file){ .area1_id = area1_id, .area2_id = area2_id };
    return strcmp(at, ".csv") == 0;
}

static int read_entry(struct ratings *ratings, const char *folder, const char *name, FILE *errors)
{
    if (grow(&ratings->files, ratings->files_n + 1, sizeof *ratings->files))
        return UV_ENOMEM;
    if (!read_name(name, &ratings->files[ratings->files_n])) {
        fprintf(errors,
                "%s/%s: expected a name A-B.csv, of the ids of two business areas, the lower one first\n",
                folder, name);
        return UV_EINVAL;
    }
    char *path;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return UV_ENOMEM;
    ratings->files_n++;
    int rc = read_file(ratings, path, errors);
    free(path);
    return rc;
}

static int is_csv(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && dot != entry->d_name && strcmp(dot, ".csv") == 0;
}

int ratings_read(struct ratings *ratings, const char *folder, FILE *errors)
{
    *ratings = (struct ratings){ 0 };
    struct dirent **entries;
    int n = scandir(folder, &entries, is_csv, versionsort);
    if (n < 0) {
        fprintf(errors, "%s: %s; expected a folder of A-B.csv files\n", folder, strerror(errno));
        return UV_EINVAL;
    }
    int rc = 0;
    for (int i = 0; i < n; i++) {
        int entry_rc = rc == UV_ENOMEM ? rc : read_entry(ratings, folder, entries[i]->d_name, errors);
        rc = entry_rc ? entry_rc : rc;
        free(entries[i]);
    }
    free(entries);
    if (n == 0) {
        fprintf(errors, "%s: there is no A-B.csv file in it\n", folder);
        return UV_EINVAL;
    }
    return rc;
}

void ratings_finish(struct ratings *ratings)
{
    free(ratings->files);
    free(ratings->sample_files);
    free(ratings->skill_overlaps);
    free(ratings->age_differences);
    free(ratings->ratings);
}
