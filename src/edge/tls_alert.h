/* SPDX-License-Identifier: MIT
 *
 * What both edges answer, and log, when a client speaks TLS on a port without it.
 */
#ifndef EDGE_TLS_ALERT_H
#define EDGE_TLS_ALERT_H

#include <stdint.h>

#define TLS_HANDSHAKE  22 /* the first byte of a ClientHello: the record type (RFC 8446, 5.1) */
#define TLS_NOT_SPOKEN "TLS on a port without it"
#define TLS_ALERT_BYTES                                                                                      \
    {                                                                                                        \
        21, 3, 1, 0, 2, 2, 70                                                                                \
    } /* fatal, protocol_version (RFC 8446, 6) */

#endif
