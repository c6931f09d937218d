/* SPDX-License-Identifier: MIT
 *
 * The commands `svcd job` and `svcd import-ratings`. Each connects by itself, needs no daemon and disturbs
 * none, and returns the process's exit status.
 */
#ifndef COMMANDS_COMMAND_H
#define COMMANDS_COMMAND_H

#include <stdbool.h>

#include "config/config.h"
#include "db/conn.h"

/* Lists the jobs to stdout: schedule, last and next run. */
int job_list(const struct config *config, const struct conn_options *conn);

/* Runs one now. 0: done; 1: it failed, or is running elsewhere; 2: there is no such job. */
int job_run_now(const struct config *config, const struct conn_options *conn, const char *name);

/* Prints how well each model predicts. */
int job_report(const struct config *config, const struct conn_options *conn);

/* Queues the ratings of a folder's A-B.csv files for training: all of them or none, each file once. */
int import_ratings(const struct config *config, const struct conn_options *conn, const char *folder);

#endif
