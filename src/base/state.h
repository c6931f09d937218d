/* SPDX-License-Identifier: MIT
 *
 * State machines: a table says which state may follow which, and one function moves. A move that the table
 * does not have is a bug in svcd: it is told with both states by name, and the process ends.
 */
#ifndef BASE_STATE_H
#define BASE_STATE_H

#define STATES_MAX 16

struct state_machine {
    const char *of; /* what is in these states: "call" */
    const char *names[STATES_MAX];
    unsigned next[STATES_MAX]; /* by state, those that may follow it: TO(A) | TO(B) */
};

#define TO(state) (1u << (state))

/* Prints to standard error and aborts. */
_Noreturn void state_refuse(const struct state_machine *machine, unsigned from, unsigned to);

/* Returns `to`: x->state = state_move(&machine, x->state, TO_STATE). */
static inline unsigned state_move(const struct state_machine *machine, unsigned from, unsigned to)
{
    if (!(machine->next[from] & TO(to)))
        state_refuse(machine, from, to);
    return to;
}

#endif
