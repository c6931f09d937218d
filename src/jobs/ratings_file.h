/* SPDX-License-Identifier: MIT
 *
 * Training histories as the Python backend kept them: a file A-B.csv for each pair of business areas (A < B,
 * ids), with the header SkillOverlap,AgeDifference,Rating.
 */
#ifndef JOBS_RATINGS_FILE_H
#define JOBS_RATINGS_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/digest.h"

#define RATING_LEN 32

struct ratings_file {
    int64_t area1_id, area2_id;
    char checksum[DIGEST_HEX_LEN];
};

/* Column by column, as the database takes them. */
struct ratings {
    struct ratings_file *files;
    size_t files_n;
    int64_t *sample_files; /* the number of its file, from 1 */
    int64_t *skill_overlaps;
    int64_t *age_differences;
    char (*ratings)[RATING_LEN]; /* as text that reads back the same */
    size_t samples_n, samples_max;
};

/* Reads every .csv file of the folder. For each file with a mistake `errors` gets a line: file:line, what is
 * wrong, what would be right. Returns 0, UV_EINVAL after mistakes, or UV_ENOMEM. In each case
 * ratings_finish() must be called. */
int ratings_read(struct ratings *ratings, const char *folder, FILE *errors);
void ratings_finish(struct ratings *ratings);

#endif
