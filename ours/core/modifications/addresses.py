"""IP addresses made coarse, or replaced by one that is nobody's."""

from ipaddress import IPv4Address, IPv6Address

_FAKE = {4: "192.0.2.1", 6: "2001:db8::1"}
_REGION = {4: 16, 6: 32}
_DMA = {4: 24, 6: 48}


def fake(text: str) -> str | None:
    """An address that is kept free for documentation."""
    address = _read(text)
    return _FAKE[address.version] if address else None


def regional(text: str) -> str | None:
    """About a region: the first 16 bits of IPv4, 32 of IPv6."""
    return _cut(text, _REGION)


def dma(text: str) -> str | None:
    """About a market area or a city: the first 24 bits of IPv4, 48 of IPv6."""
    return _cut(text, _DMA)


def _cut(text: str, kept: dict[int, int]) -> str | None:
    if (address := _read(text)) is None:
        return None
    bits = kept[address.version]
    if isinstance(address, IPv4Address):
        octets = str(address).split(".")[: bits // 8]
        return ".".join(octets + ["0"] * (4 - len(octets)))
    return str(IPv6Address(int(address) >> 128 - bits << 128 - bits))


def _read(text: str) -> IPv4Address | IPv6Address | None:
    plain = text.strip().partition("%")[0]
    try:
        if ":" not in plain:
            return IPv4Address(plain)
        address = IPv6Address(plain)
    except ValueError:
        return None
    return address.ipv4_mapped or address
