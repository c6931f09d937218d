/* SPDX-License-Identifier: MIT
 *
 * Memory pages of the program and its libraries. Most of their code and constants are needed only while the
 * process is loaded and starts.
 */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

/* Drops all read-only pages of the program and its libraries from the process's resident memory; a page that
 * is needed again is read back from its file by a page fault. Any thread. */
void pages_give_back(void);

#endif
