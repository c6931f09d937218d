/* SPDX-License-Identifier: MIT
 *
 * How lines get to standard error: at once, or through a bounded buffer and a thread. Knows nothing of what
 * is in them. Any thread, and no one waits for standard error while the thread runs.
 */
#ifndef OBSERVE_LOG_WRITER_H
#define OBSERVE_LOG_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_BUFFER_LEN (1 << 20)

/* All on the writer's thread. */
struct log_writer_options {
    bool (*wants_ticks)(
        void);             /* from when log_writer_wake was called until it is false; must not put lines */
    void (*on_tick)(void); /* about once a second meanwhile */
    void (*on_dropped)(uint64_t n); /* there is room again: puts a line that says so */
};

/* 0 or a UV_E* code. */
int log_writer_start(const struct log_writer_options *options);
/* Waits until all is written, for at most timeout_ms. What is put afterwards is written only if that cannot
 * block. */
void log_writer_stop(unsigned timeout_ms);
bool log_writer_is_running(void);

/* One or more whole lines. The less important find no room already when a quarter of the buffer is left. */
void log_writer_put(const char *text, size_t len, bool is_important);
void log_writer_wake(void);

/* Waits until all that was put before is written, for at most timeout_ms. Safe in a signal handler. */
void log_writer_flush(unsigned timeout_ms);
/* Past the buffer, if that cannot block. Safe in a signal handler. */
void log_writer_put_now(const char *text, size_t len);

uint64_t log_writer_n_dropped(void);

#endif
