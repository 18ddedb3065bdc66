"""Two receivers that do harm, in a process of their own: one takes requests and says nothing for 30 seconds, one
answers 500 at once. `python -m bench.misbehaving` prints their ports.
"""

import asyncio

_SILENCE = 30.0
_HEAD_END = b"\r\n\r\n"
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wait: float, answer: bytes) -> None:
    try:
        await reader.readuntil(_HEAD_END)
        await asyncio.sleep(wait)
        writer.write(answer)
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _answer(reader, writer, _SILENCE, _OK)

    async def fail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _answer(reader, writer, 0, _FAILED)

    servers = [await asyncio.start_server(each, "127.0.0.1", 0, backlog=1024) for each in (hang, fail)]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())
