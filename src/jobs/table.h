/* SPDX-License-Identifier: MIT
 *
 * The table of all jobs.
 */
#ifndef JOBS_TABLE_H
#define JOBS_TABLE_H

#include "jobs/job.h"

extern const struct job jobs[];
extern const size_t jobs_n;

const struct job *job_find(const char *name); /* NULL: there is none */

#endif
