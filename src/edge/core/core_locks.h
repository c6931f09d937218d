/* SPDX-License-Identifier: MIT
 *
 * A setting of the gRPC core that its interface has not.
 *
 * Debian builds Abseil, and so every lock that the core takes, with a search for deadlocks: a twentieth of
 * the time. This switches it off (absl/synchronization/mutex.h). The function has no name in C, and another
 * build of Abseil may not have it.
 */
#ifndef EDGE_CORE_CORE_LOCKS_H
#define EDGE_CORE_CORE_LOCKS_H

void core_locks_set_deadlock_detection(int mode) __asm__(
    "_ZN4absl7debian329SetMutexDeadlockDetectionModeENS0_15OnDeadlockCycleE") __attribute__((weak));

/* For the whole process; before grpc_init(). */
static inline void core_locks_trust(void)
{
    enum { IGNORE = 0 }; /* OnDeadlockCycle::kIgnore */
    if (core_locks_set_deadlock_detection)
        core_locks_set_deadlock_detection(IGNORE);
}

#endif
