/* SPDX-License-Identifier: MIT
 *
 * A ring buffer of whole lines, and the thread that writes them. The thread writes only when poll() says that
 * standard error has room, and at most what a pipe takes atomically (PIPE_BUF); so it can be stopped even
 * while standard error is full. If write() blocks nevertheless, the process ends without waiting for the
 * thread; that is safe because nothing here is ever freed.
 *
 *     DIRECT ── start ──▶ RUNNING ── stop ──▶ STOPPING ── all written, or timeout ──▶ STOPPED
 *                           ▲                                                            │
 *                           └────────────────────────── start ───────────────────────────┘
 */
#include "observe/log_writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#define TICK_MS  1000
#define POLL_MS  50 /* how soon the thread notices that it should stop */
#define CHUNK    PIPE_BUF
#define RESERVED (LOG_BUFFER_LEN / 4) /* for important lines */

enum state { DIRECT, RUNNING, STOPPING, STOPPED };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* the thread has work to do, or has ended */
    pthread_t thread;
    struct log_writer_options options;
    _Atomic enum state state; /* changed under the lock */
    _Atomic bool is_late;     /* STOPPING has timed out: give up */
    bool is_waiting, has_ended;
    bool is_left;           /* STOPPED, but the thread had not ended in time */
    size_t head, len;       /* of the lines in the ring */
    _Atomic size_t pending; /* len plus the bytes being written */
    uint64_t dropped;       /* lines dropped and not reported yet */
    uint64_t lost;          /* lines that could not be written, to be reported once others can */
    bool is_cut;            /* the thread's: what was written last is not a whole line */
    _Atomic uint64_t n_dropped;
    char ring[LOG_BUFFER_LEN];
} writer = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- standard error ---- */

static bool has_room(int timeout_ms)
{
    struct pollfd standard_error = { .fd = STDERR_FILENO, .events = POLLOUT };
    return poll(&standard_error, 1, timeout_ms) > 0;
}

/* May block. Returns how many bytes were written: fewer than len if standard error cannot be written, such as
 * a file on a full disk. */
static size_t write_all(const char *text, size_t len)
{
    size_t written = 0;
    while (written < len) {
        ssize_t n = write(STDERR_FILENO, text + written, len - written);
        if (n < 0 && errno == EAGAIN)
            has_room(-1);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            break;
        written += (size_t)n;
    }
    return written;
}

void log_writer_put_now(const char *text, size_t len)
{
    if (has_room(0))
        write_all(text, len < CHUNK ? len : CHUNK);
}

/* ---- the ring, under the lock ---- */

static void ring_add(const char *text, size_t len)
{
    size_t at = (writer.head + writer.len) % LOG_BUFFER_LEN, first = LOG_BUFFER_LEN - at;
    memcpy(writer.ring + at, text, len < first ? len : first);
    if (len > first)
        memcpy(writer.ring, text + first, len - first);
    writer.len += len;
    writer.pending += len;
}

/* Takes as many whole lines as fit the chunk; a single one always does. An empty ring starts again at its
 * front, so that pages of the buffer that are not needed are never touched. */
static size_t ring_take(char chunk[CHUNK])
{
    size_t len = writer.len < CHUNK ? writer.len : CHUNK, first = LOG_BUFFER_LEN - writer.head;
    memcpy(chunk, writer.ring + writer.head, len < first ? len : first);
    if (len > first)
        memcpy(chunk + first, writer.ring, len - first);
    const char *end = memrchr(chunk, '\n', len);
    len = end ? (size_t)(end - chunk) + 1 : len;
    writer.head = (writer.head + len) % LOG_BUFFER_LEN;
    writer.len -= len;
    if (writer.len == 0)
        writer.head = 0;
    return len;
}

static void count_dropped(uint64_t lines)
{
    writer.dropped += lines;
    writer.n_dropped += lines;
}

static uint64_t count_lines(const char *text, size_t len)
{
    uint64_t n = 0;
    for (const char *at = text; (at = memchr(at, '\n', len - (size_t)(at - text))); at++)
        n++;
    return n;
}

static void wake(void)
{
    if (writer.is_waiting)
        pthread_cond_broadcast(&writer.changed);
}

/* ---- the thread ---- */

static struct timespec in_ms(unsigned ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += ms % 1000 * 1000000L;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

/* Ends the line that the last write left incomplete. */
static bool end_cut_line(void)
{
    if (writer.is_cut)
        writer.is_cut = write_all("\n", 1) == 0;
    return !writer.is_cut;
}

/* Returns how many bytes were written; the rest is lost. */
static size_t write_patiently(const char *chunk, size_t len)
{
    while (!has_room(POLL_MS))
        if (writer.is_late)
            return 0;
    size_t written = end_cut_line() ? write_all(chunk, len) : 0;
    writer.is_cut |= written > 0 && chunk[written - 1] != '\n';
    return written;
}

static void write_some(void)
{
    char chunk[CHUNK];
    size_t len = ring_take(chunk);
    pthread_mutex_unlock(&writer.lock);
    size_t written = write_patiently(chunk, len);
    pthread_mutex_lock(&writer.lock);
    writer.pending -= len;
    uint64_t lost = count_lines(chunk + written, len - written);
    writer.n_dropped += lost;
    writer.lost += lost;
    if (written < len)
        return;
    writer.dropped += writer.lost;
    writer.lost = 0;
}

static void tell_dropped(void)
{
    uint64_t n = writer.dropped;
    writer.dropped = 0;
    pthread_mutex_unlock(&writer.lock);
    writer.options.on_dropped(n);
    pthread_mutex_lock(&writer.lock);
}

static void rest(void)
{
    writer.is_waiting = true;
    struct timespec until = in_ms(TICK_MS);
    int rc = writer.options.wants_ticks() ? pthread_cond_timedwait(&writer.changed, &writer.lock, &until)
                                          : pthread_cond_wait(&writer.changed, &writer.lock);
    writer.is_waiting = false;
    if (rc != ETIMEDOUT)
        return;
    pthread_mutex_unlock(&writer.lock);
    writer.options.on_tick();
    pthread_mutex_lock(&writer.lock);
}

static void *write_lines(void *nothing)
{
    pthread_mutex_lock(&writer.lock);
    while (!writer.is_late) {
        if (writer.len > 0)
            write_some();
        else if (writer.dropped > 0)
            tell_dropped();
        else if (writer.state == RUNNING)
            rest();
        else
            break;
    }
    writer.has_ended = true;
    pthread_cond_broadcast(&writer.changed);
    pthread_mutex_unlock(&writer.lock);
    return nothing;
}

/* The writer's thread blocks all signals: other threads handle them. */
static int create_thread(void)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&writer.thread, NULL, write_lines, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return uv_translate_sys_error(rc);
}

/* If the thread of an earlier start has not ended yet it is reused, since there must not be two. */
static bool go_on(const struct log_writer_options *options)
{
    if (!writer.is_left)
        return false;
    pthread_mutex_lock(&writer.lock);
    bool goes_on = !writer.has_ended;
    writer.is_left = false;
    if (goes_on) {
        writer.options = *options;
        writer.is_late = false;
        writer.state = RUNNING;
    }
    pthread_mutex_unlock(&writer.lock);
    if (!goes_on)
        pthread_join(writer.thread, NULL);
    return goes_on;
}

int log_writer_start(const struct log_writer_options *options)
{
    if (go_on(options))
        return 0;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&writer.changed, &monotonic);
    enum state before = writer.state;
    writer.options = *options;
    writer.is_late = writer.has_ended = false;
    writer.state = RUNNING;
    int rc = create_thread();
    if (rc)
        writer.state = before;
    return rc;
}

void log_writer_stop(unsigned timeout_ms)
{
    if (!log_writer_is_running())
        return;
    struct timespec until = in_ms(timeout_ms), last = in_ms(timeout_ms + 2 * POLL_MS);
    pthread_mutex_lock(&writer.lock);
    writer.state = STOPPING;
    wake();
    while (!writer.has_ended && pthread_cond_timedwait(&writer.changed, &writer.lock, &until) != ETIMEDOUT)
        ;
    writer.is_late = true;
    while (!writer.has_ended && pthread_cond_timedwait(&writer.changed, &writer.lock, &last) != ETIMEDOUT)
        ;
    writer.state = STOPPED;
    writer.is_left = !writer.has_ended;
    pthread_mutex_unlock(&writer.lock);
    if (!writer.is_left)
        pthread_join(writer.thread, NULL);
}

bool log_writer_is_running(void)
{
    return writer.state == RUNNING;
}

/* ---- lines ---- */

static void put_into_ring(const char *text, size_t len, bool is_important)
{
    if (writer.len + len > LOG_BUFFER_LEN - (is_important ? 0 : RESERVED)) {
        count_dropped(count_lines(text, len));
        return;
    }
    ring_add(text, len);
    wake();
}

void log_writer_put(const char *text, size_t len, bool is_important)
{
    pthread_mutex_lock(&writer.lock);
    enum state state = writer.state;
    if (state == RUNNING || state == STOPPING)
        put_into_ring(text, len, is_important);
    pthread_mutex_unlock(&writer.lock);
    if (state == DIRECT)
        write_all(text, len);
    else if (state == STOPPED)
        log_writer_put_now(text, len);
}

void log_writer_wake(void)
{
    pthread_mutex_lock(&writer.lock);
    wake();
    pthread_mutex_unlock(&writer.lock);
}

void log_writer_flush(unsigned timeout_ms)
{
    for (unsigned waited_ms = 0; writer.pending > 0 && waited_ms < timeout_ms; waited_ms++)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

uint64_t log_writer_n_dropped(void)
{
    return writer.n_dropped;
}
