/* SPDX-License-Identifier: MIT
 *
 * Threads that nobody joins, for what may hang: the process can end without them. Any thread.
 */
#ifndef BASE_DETACHED_H
#define BASE_DETACHED_H

/* Has a small stack. 0 or UV_EAGAIN. */
int detached_start(void *(*thread_run)(void *), void *arg);

#endif
