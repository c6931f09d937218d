/* SPDX-License-Identifier: MIT
 *
 * The daemon as a whole: starts its parts in order, serves until a signal, drains.
 */
#ifndef DAEMON_H
#define DAEMON_H

#include "config/load.h"

struct rules;
struct tls_files;

/* Serves until SIGTERM or SIGINT, then drains. Takes over `tls` and what `rules` owns. `config` was read from
 * `source`, which SIGHUP has read again; both must outlive the daemon. Returns the exit status: 0 after a
 * drain, 1 if the daemon could not start. Blocks. */
int daemon_run(struct config *config, const struct config_source *source, const struct rules *rules,
               struct tls_files *tls);

#endif
