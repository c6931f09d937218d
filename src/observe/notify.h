/* SPDX-License-Identifier: MIT
 *
 * What systemd is told, where it started us with Type=notify: one datagram to the socket that it names, as
 * sd_notify(3) would send it. libsystemd for that would be a library for one sendto(). Does nothing where
 * there is no such socket, and never blocks.
 */
#ifndef OBSERVE_NOTIFY_H
#define OBSERVE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, once. */
void notify_init(void);

bool notify_is_wanted(void);

/* "READY=1", "STOPPING=1\nSTATUS=...", ... printf-style. */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How often systemd wants to hear WATCHDOG=1, halved; 0: never. */
uint64_t notify_watchdog_ms(void);

#endif
