/* SPDX-License-Identifier: MIT
 *
 * A gate before every password hash: while it is closed a hash that has begun waits there, so that a test may
 * look at what happens meanwhile, however long either takes. Open to begin with.
 */
#ifndef TEST_HASH_GATE_H
#define TEST_HASH_GATE_H

struct hash_job;

/* What a hash pool is given as on_begin. */
void hash_gate_pass(struct hash_job *job);

void hash_gate_close(void);
void hash_gate_let(int n); /* so many more may pass, although it is closed */
void hash_gate_open(void);

#endif
