/* SPDX-License-Identifier: MIT
 *
 * Socket activation: listening sockets that systemd has opened and passes to svcd (sd_listen_fds(3)).
 * LISTEN_FDS says how many, LISTEN_FDNAMES what each is for, LISTEN_PID which process they are for. Reading
 * three variables needs no libsystemd.
 */
#ifndef BASE_HANDED_H
#define BASE_HANDED_H

#include "base/address.h"

#define HANDED_WHY_LEN 160

/* Replaces the addresses of a scheme by the sockets passed for it. A socket's name says what it is for:
 * `grpc`, `http` or `https` for `server`, `admin` for the other list. A unix socket not named admin is http;
 * any other socket without a name is grpc. Without sockets nothing changes. Returns 0; or UV_EINVAL or
 * UV_ENOBUFS, and `why` says which socket is wrong and why. */
int handed_replace(struct address_list *server, struct address_list *admin, char why[static HANDED_WHY_LEN]);

#endif
