/* SPDX-License-Identifier: MIT
 *
 * Writes lines to standard error: directly, or through a bounded buffer and a thread. Knows nothing about the
 * lines' content. Any thread; while the writer's thread runs no other thread waits for standard error.
 */
#ifndef OBSERVE_LOG_WRITER_H
#define OBSERVE_LOG_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_BUFFER_LEN (1 << 20) /* bytes */

/* Callbacks; all run on the writer's thread. */
struct log_writer_options {
    bool (*wants_ticks)(void);      /* asked whenever the thread goes idle; must not put lines */
    void (*on_tick)(void);          /* about once a second while wants_ticks is true */
    void (*on_dropped)(uint64_t n); /* n lines were dropped and there is room again: should log that */
};

/* 0 or a UV_E* code. */
int log_writer_start(const struct log_writer_options *options);
/* Waits until everything is written, for at most timeout_ms, and ends the thread. Lines put afterwards are
 * written directly, but only if that cannot block. */
void log_writer_stop(unsigned timeout_ms);
bool log_writer_is_running(void);

/* Takes one or more whole lines. The last quarter of the buffer is reserved for important ones. */
void log_writer_put(const char *text, size_t len, bool is_important);
/* Makes the thread ask wants_ticks() again. */
void log_writer_wake(void);

/* Waits until everything put before is written, for at most timeout_ms. Safe in a signal handler. */
void log_writer_flush(unsigned timeout_ms);
/* Writes directly, bypassing the buffer, if that cannot block. Safe in a signal handler. */
void log_writer_put_now(const char *text, size_t len);

uint64_t log_writer_n_dropped(void);

#endif
