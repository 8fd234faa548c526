/*
 * sender_address.c
 *		Which network addresses a message may go to.
 *
 * An endpoint's name is resolved at each request, so a name that pointed outside when it was
 * entered may point inside later.  Therefore the address itself is judged, at the moment the
 * socket is opened: loopback, private, link-local, carrier, multicast and unspecified ranges are
 * refused unless the endpoint allows them (RFC 1918, 6598, 3927, 4193, 4291).
 */
#include "sender.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static bool
is_in(uint32 address, uint32 network, int bits)
{
	return (address >> (32 - bits)) == (network >> (32 - bits));
}

static bool
ipv4_is_public(uint32 a)
{
	return !(is_in(a, 0x00000000, 8) || is_in(a, 0x0a000000, 8) || is_in(a, 0x64400000, 10) ||
			 is_in(a, 0x7f000000, 8) || is_in(a, 0xa9fe0000, 16) || is_in(a, 0xac100000, 12) ||
			 is_in(a, 0xc0000000, 24) || is_in(a, 0xc0a80000, 16) || is_in(a, 0xc6120000, 15) ||
			 is_in(a, 0xe0000000, 4) || is_in(a, 0xf0000000, 4));
}

static bool
ipv6_is_public(const struct in6_addr *a)
{
	if (IN6_IS_ADDR_V4MAPPED(a) || IN6_IS_ADDR_V4COMPAT(a))
	{
		uint32		last;

		memcpy(&last, a->s6_addr + 12, sizeof(last));
		return ipv4_is_public(ntohl(last));
	}
	return !(IN6_IS_ADDR_UNSPECIFIED(a) || IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_LINKLOCAL(a) ||
			 IN6_IS_ADDR_SITELOCAL(a) || IN6_IS_ADDR_MULTICAST(a) || (a->s6_addr[0] & 0xfe) == 0xfc ||
			 (a->s6_addr[0] == 0x00 && a->s6_addr[1] == 0x64 && a->s6_addr[2] == 0xff && a->s6_addr[3] == 0x9b));
}

bool
sender_address_is_public(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return ipv4_is_public(ntohl(((const struct sockaddr_in *) address)->sin_addr.s_addr));
	if (address->sa_family == AF_INET6)
		return ipv6_is_public(&((const struct sockaddr_in6 *) address)->sin6_addr);
	return false;
}
