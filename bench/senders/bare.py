"""libcurl's multi interface with nothing around it: the same requests are built, prepared, sent, and forgotten."""

import time
from collections.abc import Iterator

import pycurl
from requests import PreparedRequest

from bench.senders.deliveries import deliveries
from bench.senders.order import Order, Sent
from destinations.webhook import Webhook

_IN_FLIGHT = 64


def run(order: Order) -> Sent:
    prepared = list(deliveries(order.url, order.count))
    begun = time.monotonic()
    delivered = _send_all(Webhook().build(delivery).prepare() for delivery in prepared)
    return Sent(count=delivered, seconds=time.monotonic() - begun)


def _send_all(made: Iterator[PreparedRequest]) -> int:
    multi = pycurl.CurlMulti()
    handles = [_handle() for _ in range(_IN_FLIGHT)]
    flying = sum(_begin(multi, handle, made) for handle in handles)
    delivered = 0
    while flying:
        multi.perform()
        _, succeeded, failed = multi.info_read(_IN_FLIGHT)
        if failed:
            raise ConnectionError(failed[0][2])
        for handle in succeeded:
            delivered += handle.getinfo(pycurl.RESPONSE_CODE) == 200
            multi.remove_handle(handle)
            flying += _begin(multi, handle, made) - 1
        if flying and not succeeded:
            multi.select(1.0)
    for handle in handles:
        handle.close()
    multi.close()
    return delivered


def _handle() -> pycurl.Curl:
    handle = pycurl.Curl()
    handle.setopt(pycurl.PROXY, "")
    handle.setopt(pycurl.WRITEFUNCTION, len)
    return handle


def _begin(multi: pycurl.CurlMulti, handle: pycurl.Curl, made: Iterator[PreparedRequest]) -> int:
    request = next(made, None)
    if request is None:
        return 0
    handle.setopt(pycurl.URL, request.url)
    handle.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in request.headers.items()])
    handle.setopt(pycurl.POSTFIELDS, request.body)
    multi.add_handle(handle)
    return 1
