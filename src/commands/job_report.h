/* SPDX-License-Identifier: MIT
 *
 * What `svcd job update-models --report` prints.
 */
#ifndef COMMANDS_JOB_REPORT_H
#define COMMANDS_JOB_REPORT_H

#include "config/config.h"

/* Prints on standard output how well each matching model predicts. Blocks. Returns the exit status. */
int job_report_print(const struct config *config);

#endif
