/* SPDX-License-Identifier: MIT
 *
 * Switches off Abseil's deadlock detection, for which the gRPC core has no setting.
 *
 * Debian's build of Abseil checks every lock that the core takes for deadlocks, which costs a twentieth of
 * the time. The function (absl/synchronization/mutex.h) is C++, so it is found by its mangled name; it is a
 * weak symbol because another build of Abseil may not have it.
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
