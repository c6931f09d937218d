/* SPDX-License-Identifier: MIT
 *
 * The job update-models: moves new ratings into the training history, and fits the models of the pairs of
 * areas that they belong to.
 */
#ifndef JOBS_UPDATE_MODELS_H
#define JOBS_UPDATE_MODELS_H

#include "jobs/job.h"

/* As struct job has it. */
enum next update_models_begin(struct call *call, const void *nothing);

#endif
