/* SPDX-License-Identifier: MIT
 *
 * The pages of programs and libraries that a process has mapped. Most are needed once, by the loader and
 * while everything starts.
 */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

/* Lets go of all that were only read: the system has them still, and one that is needed again comes back by
 * itself. Any thread. */
void pages_give_back(void);

#endif
