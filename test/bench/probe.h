/* SPDX-License-Identifier: MIT
 *
 * What somebody sees who asks for little beside a load: a process of its own, which waits for nothing but its
 * answers. Every 10 ms it asks Health/Check, a call, and, as a measure of what the machine adds, a process
 * that gives back each byte at once; each on a connection of its own, one at a time.
 */
#ifndef BENCH_PROBE_H
#define BENCH_PROBE_H

#include "h2_client.h"

#define PROBE_AFTER_NS (2 * NS) /* so long it goes on after the load has ended */

enum probed { PROBED_HEALTH, PROBED_CALL, PROBED_ECHO, PROBED };

struct probe {
    int fd; /* of what it will tell */
    struct samples during[PROBED], after[PROBED];
};

/* The load lasts until ends_ns (now_ns()'s clock). */
void probe_start(struct probe *probe, const struct path *call, uint64_t ends_ns);
/* Waits for it to have ended; afterwards its samples are there. */
void probe_end(struct probe *probe);

#endif
