"""A proxy that makes the first token of streamed answers come later by a share of the time it took:
slow_first.py PORT UPSTREAM_PORT SHARE. All later bytes are as much later, so that gaps stay as they are."""

import http.client
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, upstream, share = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])


class Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self):
        began = time.monotonic()
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if length else None
        connection = http.client.HTTPConnection("127.0.0.1", upstream)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        self.send_response(answer.status)
        kind = answer.getheader("content-type") or "application/json"
        self.send_header("content-type", kind)
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        if "event-stream" not in kind:
            self.wfile.write(answer.read())
            return
        # Lines as they come, each with the time it is due; one thread reads, one writes.
        queue, filled = [], threading.Condition()

        def read():
            late = None
            while True:
                line = answer.readline()
                now = time.monotonic()
                text = line.decode("utf-8", "replace")
                if late is None and '"content":"' in text and '"content":""' not in text:
                    late = share * (now - began)
                with filled:
                    queue.append((now + (late or 0.0), line))
                    filled.notify()
                if not line:
                    return

        threading.Thread(target=read, daemon=True).start()
        while True:
            with filled:
                while not queue:
                    filled.wait()
                due, line = queue.pop(0)
            time.sleep(max(0.0, due - time.monotonic()))
            if not line:
                return
            self.wfile.write(line)
            self.wfile.flush()

    do_GET = do_POST = forward

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", port), Proxy).serve_forever()
