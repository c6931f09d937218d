/* SPDX-License-Identifier: MIT
 *
 * Addresses as the configuration and the throttle see them: lists of addresses to listen on, networks
 * (ADDRESS/BITS), and an address without its port as 16 bytes. Plain values: nothing to finish, any thread.
 */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDRESS_LIST_MAX 32
#define ADDRESS_TEXT_LEN 120 /* the longest is a unix socket's path */

/* How clients speak to an address. */
enum scheme { SCHEME_GRPC, SCHEME_HTTP, SCHEME_HTTPS };

struct address {
    struct sockaddr_storage socket; /* AF_INET, AF_INET6, AF_UNIX */
    enum scheme scheme;
    int fd; /* the socket that listens there already, of whoever started us (handed.h); 0: none */
};

struct address_list {
    struct address items[ADDRESS_LIST_MAX];
    size_t n;
};

/* An IPv4 or IPv6 address without a port; IPv4 is kept as ::ffff:a.b.c.d, so equal addresses are equal bytes.
 */
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

/* Appends HOST:PORT ("127.0.0.1:50051", "[::1]:0", "localhost:50051"), which is gRPC, or the same after
 * grpc://, http:// or https://, or unix:/PATH, which is http. A name adds every address it has and may ask
 * DNS, so this blocks. An address that is there already, or that a wildcard of the same scheme, port and
 * family covers, is dropped. UV_EINVAL: none of these; UV_EAI_NONAME: the name has no address; UV_ENOBUFS:
 * the list is full. */
int address_list_add(struct address_list *list, const char *text);

bool address_list_has(const struct address_list *list, enum scheme scheme);

/* "grpc", "http", "https". */
const char *scheme_name(enum scheme scheme);

/* Of a socket's address, for bind(). */
socklen_t address_len(const struct sockaddr *address);

/* Writes ADDRESS:PORT, IPv6 in brackets, or unix:/PATH; "unknown" for any other family. */
void address_format(const struct sockaddr *address, char text[static ADDRESS_TEXT_LEN]);

/* Whether only this machine can reach it: 127.0.0.0/8 and ::1. */
bool address_is_loopback(const struct sockaddr *address);

/* Writes the address, IPv6 without brackets. */
void ip_format(const struct ip *ip, char text[static ADDRESS_TEXT_LEN]);

/* The address of a peer without its port; UV_EAFNOSUPPORT unless IPv4 or IPv6. */
int ip_from_sockaddr(struct ip *ip, const struct sockaddr *address);

/* Reads "192.0.2.1", "2001:db8::1", "[2001:db8::1]", or either with a port. No names. UV_EINVAL. */
int ip_parse(struct ip *ip, const char *text, size_t len);

/* Reads ADDRESS or ADDRESS/BITS. UV_EINVAL, also if bits below the mask are set (10.0.0.1/8 is a mistake). */
int network_parse(struct network *network, const char *text);

bool network_list_contains(const struct network_list *list, const struct ip *ip);

/* Whom a peer speaks for. A peer that is not trusted speaks for itself; a trusted one for the last address in
 * forwarded_for (the values of x-forwarded-for, joined by commas in their order; NULL: none) that is not
 * trusted too, or for the first if all are. False: a trusted peer does not say, or not in addresses. */
bool ip_of_client(struct ip *client, const struct ip *peer, const char *forwarded_for,
                  const struct network_list *trusted);

/* Zeroes all but what one customer holds: the /64 of an IPv6 address; IPv4 stays whole. */
void ip_keep_site(struct ip *ip);

#endif
