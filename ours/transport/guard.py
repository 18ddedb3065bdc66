"""Decides which addresses a request may go to: the public Internet, and what the operator allows beyond it."""

import ipaddress

from ours.settings import Network

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# The IANA special-purpose registries, written out: ``is_global`` differs between Python versions.
_REFUSED_V4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this host
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # carrier-grade NAT, and a cloud's metadata service
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # a cloud's metadata service
            "169.254.0.0/16",  # link-local, and most clouds' metadata service
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "3fff::/20",  # documentation
        ),
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Guard:
    """Says of one address whether a connection to it may be opened."""

    def __init__(self, allow_networks: tuple[Network, ...] = ()) -> None:
        self._allowed = allow_networks

    def permits(self, text: str) -> bool:
        """Whether ``text`` is a public address or lies in an allowed network; what is no address is refused."""
        try:
            address: _Address = ipaddress.ip_address(text)
        except ValueError:
            return False
        meant = _embedded(address) or address
        return _is_public(meant) or any(one in network for network in self._allowed for one in (address, meant))


def _is_public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    return address in _GLOBAL_V6 and not any(address in network for network in _REFUSED_V6)


def _embedded(address: _Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a mapped or NAT64 address stands for; it is that one the connection reaches."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped
