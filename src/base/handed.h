/* SPDX-License-Identifier: MIT
 *
 * Sockets that systemd has opened for us and keeps (sd_listen_fds(3)): it says in LISTEN_FDS how many, in
 * LISTEN_FDNAMES what each is for, in LISTEN_PID whose they are. Reading three variables needs no libsystemd.
 */
#ifndef BASE_HANDED_H
#define BASE_HANDED_H

#include "base/address.h"

#define HANDED_WHY_LEN 160

/* Puts them in place of the addresses of the same scheme, by name: `grpc`, `http`, `https`, or `admin` for
 * the other list; a unix socket that is not the admin's is http, and one without a name grpc. Nothing changes
 * where there are none. 0; or UV_EINVAL or UV_ENOBUFS, and `why` says what is wrong with which. */
int handed_replace(struct address_list *server, struct address_list *admin, char why[static HANDED_WHY_LEN]);

#endif
