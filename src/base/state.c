/* SPDX-License-Identifier: MIT */
#include "base/state.h"

#include <stdio.h>
#include <stdlib.h>

void state_refuse(const struct state_machine *machine, unsigned from, unsigned to)
{
    fprintf(stderr, "svcd: bug: a %s that is %s cannot become %s\n", machine->of, machine->names[from],
            machine->names[to]);
    abort();
}
