/* SPDX-License-Identifier: MIT
 *
 * Turns away peers that speak TLS or HTTP/1.1 on a grpc:// listener, with an answer that says what is wrong;
 * the core would just close. The first bytes are looked at before the core gets the connection. They are
 * mostly there, because the kernel hands over a TCP connection only when the peer has sent something or a
 * second has passed (bound_await_words). Loop thread only.
 */
#ifndef EDGE_CORE_VISITOR_H
#define EDGE_CORE_VISITOR_H

#include <stdbool.h>

#include "edge/peers.h"

/* True: the peer was told what is spoken here, and fd is closed. */
bool visitor_turned_away(int fd, const struct peers *peers);

#endif
