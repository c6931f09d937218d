/* SPDX-License-Identifier: MIT
 *
 * sd_notify(3) without libsystemd, which would be a whole library for one sendto(): sends datagrams to the
 * socket that systemd names if it started svcd with Type=notify. Does nothing without such a socket; never
 * blocks. Loop thread only.
 */
#ifndef OBSERVE_NOTIFY_H
#define OBSERVE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; to be called once, at the start. */
void notify_init(void);

bool notify_is_wanted(void);

/* Sends a message such as "READY=1" or "STOPPING=1\nSTATUS=...", printf-style. */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How often to send WATCHDOG=1: half of systemd's interval, as sd_watchdog_enabled(3) advises; 0: never. */
uint64_t notify_watchdog_ms(void);

#endif
