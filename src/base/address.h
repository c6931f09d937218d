/* SPDX-License-Identifier: MIT
 *
 * Addresses: lists of addresses to listen on, networks (ADDRESS/BITS), and IP addresses without a port as 16
 * bytes. Plain values: nothing to finish, any thread.
 */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDRESS_LIST_MAX 32
#define ADDRESS_TEXT_LEN 120 /* with the NUL; "unix:" and a unix socket's path of at most 107 bytes fit */

/* The protocol that clients use at an address: gRPC by the C core, or svcd's own edge with or without TLS. */
enum scheme { SCHEME_GRPC, SCHEME_HTTP, SCHEME_HTTPS };

struct address {
    struct sockaddr_storage socket; /* AF_INET, AF_INET6, AF_UNIX */
    enum scheme scheme;
    int fd; /* a socket that listens there already, inherited from systemd (handed.h); 0: none */
};

struct address_list {
    struct address items[ADDRESS_LIST_MAX];
    size_t n;
};

/* An IPv4 or IPv6 address without a port. IPv4 is stored as ::ffff:a.b.c.d, so equal addresses have equal
 * bytes. */
struct ip {
    uint8_t bytes[16];
};

struct network {
    struct ip ip;
    int bits; /* leading bits of ip.bytes that count, 0..128 */
};

struct network_list {
    struct network items[ADDRESS_LIST_MAX];
    size_t n;
};

/* Appends HOST:PORT ("127.0.0.1:50051", "[::1]:0", "localhost:50051"), which means gRPC, or the same after
 * grpc://, http:// or https://, or unix:/PATH, which means http. A name adds all its addresses and may need
 * DNS, so this blocks. An address that the list has already, itself or as part of a wildcard of the same
 * scheme, port and family, is dropped. Returns 0; UV_EINVAL: malformed; UV_EAI_NONAME: the name has no
 * address; UV_ENAMETOOLONG: the path has over 107 bytes; UV_ENOBUFS: the list is full. */
int address_list_add(struct address_list *list, const char *text);

/* Whether the kernel would let only one of them be listened on: they are the same, or one is a wildcard that
 * the other is part of. Schemes do not count. */
bool address_overlaps(const struct address *a, const struct address *b);

bool address_list_has(const struct address_list *list, enum scheme scheme);

/* "grpc", "http", "https". */
const char *scheme_name(enum scheme scheme);

/* The length of a socket address, for bind(). */
socklen_t address_len(const struct sockaddr *address);

/* Writes ADDRESS:PORT, IPv6 in brackets, or unix:/PATH; "unknown" for any other family. */
void address_format(const struct sockaddr *address, char text[static ADDRESS_TEXT_LEN]);

/* Whether only this machine can reach the address: 127.0.0.0/8 and ::1. */
bool address_is_loopback(const struct sockaddr *address);

/* Writes the address as text, IPv6 without brackets. */
void ip_format(const struct ip *ip, char text[static ADDRESS_TEXT_LEN]);

/* Takes the address without the port. Returns 0, or UV_EAFNOSUPPORT unless it is IPv4 or IPv6. */
int ip_from_sockaddr(struct ip *ip, const struct sockaddr *address);

/* Reads "192.0.2.1", "2001:db8::1", "[2001:db8::1]", or one with a port; no names. Returns 0 or UV_EINVAL. */
int ip_parse(struct ip *ip, const char *text, size_t len);

/* Reads ADDRESS or ADDRESS/BITS. Returns 0, or UV_EINVAL, also if bits outside the mask are set (10.0.0.1/8
 * is a mistake). */
int network_parse(struct network *network, const char *text);

bool network_list_contains(const struct network_list *list, const struct ip *ip);

/* The client's address, as far as a peer can be believed. A peer that is not a trusted proxy is the client;
 * for a trusted one the client is the last address in forwarded_for (the values of x-forwarded-for, joined by
 * commas in their order; NULL: none) that is not trusted itself, or the first if all are. False: a trusted
 * peer sent no such header, or one that does not hold addresses. */
bool ip_of_client(struct ip *client, const struct ip *peer, const char *forwarded_for,
                  const struct network_list *trusted);

/* Reduces an address to the network that one customer usually has: the /64 of an IPv6 address; an IPv4
 * address stays as it is. */
void ip_keep_site(struct ip *ip);

#endif
