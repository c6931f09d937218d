/* SPDX-License-Identifier: MIT
 *
 * State machines: a table says which state may follow which, and one function changes the state. A transition
 * that the table does not allow is a bug in svcd: both states are printed by name, and the process aborts.
 */
#ifndef BASE_STATE_H
#define BASE_STATE_H

#define STATES_MAX 16

struct state_machine {
    const char *of; /* what has these states: "call" */
    const char *names[STATES_MAX];
    unsigned next[STATES_MAX]; /* by state, the states that may follow: TO(A) | TO(B) */
};

#define TO(state) (1u << (state))

/* Prints to standard error and aborts. */
_Noreturn void state_refuse(const struct state_machine *machine, unsigned from, unsigned to);

/* Checks a transition and returns `to`: x->state = state_move(&machine, x->state, NEW_STATE). */
static inline unsigned state_move(const struct state_machine *machine, unsigned from, unsigned to)
{
    if (!(machine->next[from] & TO(to)))
        state_refuse(machine, from, to);
    return to;
}

#endif
