/* SPDX-License-Identifier: MIT */
#include "jobs/table.h"

#include <string.h>

#include "jobs/update_models.h"

/* All that it does is one statement. */
static enum next commit_only(struct call *call, const void *nothing)
{
    (void)nothing;
    return job_commit(call, NULL);
}

#define KEYS(name)                                                                                           \
    .schedule = offsetof(struct config, jobs.name), .enabled = offsetof(struct config, jobs.name##_enabled)

const struct job jobs[] = {
    { .name = "update-models", .begin = update_models_begin, KEYS(update_models) },
    { .name = "suggest-workshops", .begin = commit_only, KEYS(suggest_workshops) },
};
const size_t jobs_n = sizeof jobs / sizeof *jobs;

const struct job *job_find(const char *name)
{
    for (size_t i = 0; i < jobs_n; i++)
        if (strcmp(jobs[i].name, name) == 0)
            return &jobs[i];
    return NULL;
}
