"""Hands connections on and keeps every request back for a while: LISTEN_PORT TARGET_PORT MILLISECONDS."""

import socket
import sys
import threading
import time

# Pieces of one request come right after each other.
SAME = 0.02


def copy(source, sink, delay):
    last = 0.0
    try:
        while data := source.recv(1 << 16):
            if delay and time.monotonic() - last > SAME:
                time.sleep(delay)
            sink.sendall(data)
            last = time.monotonic()
    except OSError:
        pass
    for end, how in ((sink, socket.SHUT_WR), (source, socket.SHUT_RD)):
        try:
            end.shutdown(how)
        except OSError:
            pass


def main(listen, target, milliseconds):
    server = socket.create_server(("127.0.0.1", listen), backlog=128)
    while True:
        client, _ = server.accept()
        upstream = socket.create_connection(("127.0.0.1", target))
        for s in (client, upstream):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for args in ((client, upstream, milliseconds / 1e3), (upstream, client, 0)):
            threading.Thread(target=copy, args=args, daemon=True).start()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
