/* SPDX-License-Identifier: MIT
 *
 * The daemon as a whole: its parts wired in order, run until a signal, drained.
 */
#ifndef DAEMON_H
#define DAEMON_H

#include "config/load.h"

struct rules;

/* Serves until SIGTERM or SIGINT, then drains. Takes what `rules` has, who may call and who may look.
 * `config` is what was read of `source`, which is read again when the daemon is told to. Returns the exit
 * status: 0 after a drain, 1 if it could not start. */
int daemon_run(struct config *config, const struct config_source *source, const struct rules *rules);

#endif
