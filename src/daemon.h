/* SPDX-License-Identifier: MIT
 *
 * The daemon as a whole: its parts wired in order, run until a signal, drained.
 */
#ifndef DAEMON_H
#define DAEMON_H

#include "config/config.h"

struct access;

/* Serves until SIGTERM or SIGINT, then drains. Takes `access`, who may call. Returns the exit status: 0 after
 * a drain, 1 if it could not start. */
int daemon_run(const struct config *config, struct access *access);

#endif
