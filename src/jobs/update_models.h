/* SPDX-License-Identifier: MIT
 *
 * update-models: moves new ratings into the training history, and fits a model for each pair of areas that
 * has some.
 */
#ifndef JOBS_UPDATE_MODELS_H
#define JOBS_UPDATE_MODELS_H

#include "jobs/job.h"

/* As struct job has it. */
enum next update_models_begin(struct call *call, const void *nothing);

#endif
