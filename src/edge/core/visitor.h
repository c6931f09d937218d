/* SPDX-License-Identifier: MIT
 *
 * Whoever speaks TLS or HTTP/1.1 where gRPC is spoken: the core would close without a word that helps. What a
 * new connection has said is looked at before the core is handed it; the listener lets nobody in before it
 * has said something (bound.h), so it is there, but from who is silent for a second.
 */
#ifndef EDGE_CORE_VISITOR_H
#define EDGE_CORE_VISITOR_H

#include <stdbool.h>

#include "edge/peers.h"

/* True: it was told what is spoken here, and is closed. */
bool visitor_turned_away(int fd, const struct peers *peers);

#endif
