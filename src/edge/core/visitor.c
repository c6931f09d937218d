/* SPDX-License-Identifier: MIT */
#include "edge/core/visitor.h"

#include <sys/socket.h>
#include <unistd.h>

#include "edge/tls_alert.h"
#include "observe/log.h"

/* Reads of the peer's bytes before we close: unread ones would reset the connection, and lose our answer. */
#define UNREAD_MAX 4

static const uint8_t tls_alert[] = TLS_ALERT_BYTES;
static const char text[] = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\n"
                           "This port speaks gRPC over HTTP/2, without TLS.\n";

static void turn_away(int fd, const void *answer, size_t len)
{
    char unread[4096];
    for (int i = 0; i < UNREAD_MAX && recv(fd, unread, sizeof unread, MSG_DONTWAIT) > 0; i++)
        ;
    if (send(fd, answer, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len)
        shutdown(fd, SHUT_WR);
}

static void tell(int fd, const struct peers *peers, const char *detail)
{
    char peer[ADDRESS_TEXT_LEN];
    const struct ip *ip = peers_find(peers, fd);
    if (ip)
        ip_format(ip, peer);
    log_warn("connection closed", log_str("reason", "wrong_protocol"),
             log_str("because", "the peer speaks another protocol"), log_str("detail", detail),
             log_str("peer", ip ? peer : NULL));
}

/* HTTP/2 begins with "PRI". If only one byte has come that may be its beginning, the core gets the
 * connection. */
bool visitor_turned_away(int fd, const struct peers *peers)
{
    unsigned char said[2] = { 'P', 'R' };
    if (recv(fd, said, sizeof said, MSG_PEEK | MSG_DONTWAIT) < 1)
        return false;
    bool is_tls = said[0] == TLS_HANDSHAKE, is_verb = said[0] >= 'A' && said[0] <= 'Z';
    if (!is_tls && (!is_verb || (said[0] == 'P' && said[1] == 'R')))
        return false;
    tell(fd, peers, is_tls ? TLS_NOT_SPOKEN : "HTTP/1.1 on a port of gRPC");
    turn_away(fd, is_tls ? (const void *)tls_alert : text, is_tls ? sizeof tls_alert : sizeof text - 1);
    close(fd);
    return true;
}
