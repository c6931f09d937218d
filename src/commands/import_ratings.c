/* SPDX-License-Identifier: MIT
 *
 * `svcd import-ratings`: one statement imports everything except files that were imported before. The ratings
 * are queued like new ones, so that update-models treats all ratings alike.
 */
#include <stdlib.h>

#include "commands/command.h"
#include "commands/session.h"
#include "jobs/ratings_file.h"
#include "statements.h"

static enum next imported(struct call *call, const struct import_ratings_row *row)
{
    const struct ratings *ratings = call->locals;
    if (row->has_unknown_area)
        return call_fail(call, STATUS_NOT_FOUND,
                         "nothing was imported: there is no business area %lld, but a file is named after it",
                         (long long)row->unknown_area);
    printf("imported %lld ratings from %lld of %zu files", (long long)row->samples, (long long)row->files,
           ratings->files_n);
    puts((size_t)row->files < ratings->files_n ? "; the others were imported before" : "");
    return task_end(call);
}

static enum next import(struct call *call, const void *nothing)
{
    (void)nothing;
    const struct ratings *ratings = call->locals;
    size_t files_n = ratings->files_n, n = ratings->samples_n;
    int64_t *areas1 = call_alloc(call, files_n, sizeof *areas1);
    int64_t *areas2 = call_alloc(call, files_n, sizeof *areas2);
    char **checksums = call_alloc(call, files_n, sizeof *checksums);
    char **texts = call_alloc(call, n, sizeof *texts);
    if (!areas1 || !areas2 || !checksums || !texts)
        return call_no_memory(call);
    for (size_t i = 0; i < files_n; i++) {
        areas1[i] = ratings->files[i].area1_id;
        areas2[i] = ratings->files[i].area2_id;
        checksums[i] = ratings->files[i].checksum;
    }
    for (size_t i = 0; i < n; i++)
        texts[i] = ratings->ratings[i];
    return sql_import_ratings(
        call, (struct sql_ids){ areas1, files_n }, (struct sql_ids){ areas2, files_n },
        (struct sql_texts){ checksums, files_n }, (struct sql_ids){ ratings->sample_files, n },
        (struct sql_ids){ ratings->skill_overlaps, n }, (struct sql_ids){ ratings->age_differences, n },
        (struct sql_texts){ texts, n }, imported);
}

/* Imports all of the folder's ratings or none, and each file only once. */
static int run(const struct config *config, const struct command_line *line)
{
    struct ratings ratings;
    struct session session;
    int rc = ratings_read(&ratings, line->operands[0], stderr);
    if (rc)
        fprintf(stderr, "svcd: import-ratings: nothing was imported%s\n",
                rc == UV_ENOMEM ? ": out of memory" : "");
    else if (!(rc = session_init(&session, config))) {
        rc = session_do(&session, "import-ratings", import, &ratings);
        session_finish(&session);
    }
    ratings_finish(&ratings);
    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

const struct command command_import_ratings = {
    .name = "import-ratings",
    .synopsis = "import-ratings FOLDER",
    .summary = "import the training history that the Python backend kept in A-B.csv files",
    .operands_min = 1,
    .operands_max = 1,
    .run = run,
};
