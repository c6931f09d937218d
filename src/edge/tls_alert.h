/* SPDX-License-Identifier: MIT
 *
 * What is told to whoever speaks TLS where it is not spoken, by both edges, and in the log.
 */
#ifndef EDGE_TLS_ALERT_H
#define EDGE_TLS_ALERT_H

#include <stdint.h>

#define TLS_HANDSHAKE  22 /* the first byte that such a client sends */
#define TLS_NOT_SPOKEN "TLS on a port without it"
#define TLS_ALERT_BYTES                                                                                      \
    {                                                                                                        \
        21, 3, 1, 0, 2, 2, 70                                                                                \
    } /* fatal, protocol_version (RFC 8446, 6) */

#endif
