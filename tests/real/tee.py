"""A proxy on loopback that notes what llama.cpp says of its own timing: LISTEN_PORT SERVER_PORT LOG.

Bytes pass through as they come. For every request it writes a JSON line with the time at which the
request came in and the `timings` and `usage` objects of its answer, so that prony's records can be
held against the server's own account.
"""

import asyncio
import json
import sys
import time


async def pump(reader, writer, seen):
    try:
        while data := await reader.read(1 << 16):
            seen(data)
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


class Account:
    """Follows one connection: requests one after the other, an answer to each."""

    def __init__(self, log):
        self.log = log
        self.sent = None
        self.answer = b""

    def request(self, data):
        if data.startswith(b"POST "):
            self.finish()
            self.sent = time.monotonic()
        self.finish()

    def response(self, data):
        self.answer += data

    def finish(self):
        """Notes the last answer, if one is complete."""
        if self.sent is None or b'"timings"' not in self.answer:
            return
        found = {}
        for line in dechunk(self.answer).split(b"\n"):
            line = line.removeprefix(b"data: ").strip()
            if not line.startswith(b"{"):
                continue
            event = json.loads(line)
            found.update({k: event[k] for k in ("timings", "usage") if event.get(k)})
        self.log.write(json.dumps({"sent": self.sent, **found}) + "\n")
        self.log.flush()
        self.sent, self.answer = None, b""


def dechunk(answer):
    """The body of an HTTP answer, chunked or not."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"chunked" not in head.lower():
        return body
    out = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.split(b";")[0] or b"0", 16)
        out += body[:length]
        body = body[length + 2 :]
        if length == 0:
            break
    return out


async def main(listen, server, path):
    with open(path, "a") as log:

        async def connection(reader, writer):
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", server)
            account = Account(log)
            await asyncio.gather(
                pump(reader, up_writer, account.request),
                pump(up_reader, writer, account.response),
            )
            account.finish()

        async with await asyncio.start_server(connection, "127.0.0.1", listen) as proxy:
            print("listening", flush=True)
            await proxy.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
