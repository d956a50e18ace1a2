"""What else a customer may like, in Python's standard library only: a mesh does not care what an app is written in.

Like the Node services it reads CATALOG_SERVICE_HOST and CATALOG_SERVICE_PORT, keeps its connections open, passes the
tracing headers on, and finishes the requests in flight when it is told to stop.
"""

import http.client
import json
import os
import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PROPAGATED_HEADERS = ("x-request-id", "traceparent", "tracestate", "b3", "baggage")
COUNT = 3
CALL_TIMEOUT_SECONDS = 10


class Catalog:
    """Idle keep-alive connections to the catalog service, shared by all threads."""

    def __init__(self):
        self._host = os.environ.get("CATALOG_SERVICE_HOST")
        self._port = os.environ.get("CATALOG_SERVICE_PORT")
        if not self._host or not self._port:
            sys.exit("CATALOG_SERVICE_HOST and CATALOG_SERVICE_PORT are not set")
        self._idle = []
        self._lock = threading.Lock()

    def _connect(self):
        connection = http.client.HTTPConnection(self._host, int(self._port), timeout=CALL_TIMEOUT_SECONDS)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def products(self, headers):
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        reused = connection is not None
        try:
            return self._get(connection or self._connect(), headers)
        except (http.client.RemoteDisconnected, ConnectionError):
            if not reused:
                raise
            # The kept connection was closed meanwhile; a GET may be sent again on a new one.
            return self._get(self._connect(), headers)

    def _get(self, connection, headers):
        try:
            connection.request("GET", "/products", headers={"host": "catalog", **headers})
            response = connection.getresponse()
            body = response.read()
        except Exception:
            connection.close()
            raise
        with self._lock:
            self._idle.append(connection)
        if response.status != 200:
            raise RuntimeError(f"catalog answered {response.status}")
        return json.loads(body)["products"]


def stable_hash(text):
    value = 0
    for char in text:
        value = (value * 31 + ord(char)) & 0xFFFFFFFF
    return value


def choose(products, customer, seen):
    start = stable_hash(f"{customer}/{seen}") % len(products)
    others = [product for product in products[start:] + products[:start] if product["id"] != seen]
    return others[:COUNT]


class InFlight:
    """Counts the requests being served, so that stopping can wait for them."""

    def __init__(self):
        self._count = 0
        self._changed = threading.Condition()

    def __enter__(self):
        with self._changed:
            self._count += 1

    def __exit__(self, *_):
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def wait_for_none(self, timeout):
        with self._changed:
            self._changed.wait_for(lambda: self._count == 0, timeout)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # Headers and body leave in one segment.
    wbufsize = -1

    def do_GET(self):
        with self.server.in_flight:
            url = urlsplit(self.path)
            try:
                if url.path == "/healthz":
                    self._answer(200, {"status": "ok"})
                elif url.path == "/recommendations":
                    self._answer(200, self._recommendations(parse_qs(url.query)))
                else:
                    self._answer(404, {"error": f"nothing at {url.path}"})
            except (OSError, RuntimeError, ValueError, http.client.HTTPException) as error:
                print(f"GET {self.path}: {error}", file=sys.stderr, flush=True)
                self._answer(502, {"error": str(error)})

    def _recommendations(self, query):
        headers = {name: self.headers[name] for name in PROPAGATED_HEADERS if self.headers[name]}
        products = self.server.catalog.products(headers)
        customer = query.get("customer", [""])[0]
        seen = query.get("product", [""])[0]
        return {"language": "python", "products": choose(products, customer, seen)}

    def _answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        """The mesh writes the access log."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address):
        super().__init__(address, Handler)
        self.catalog = Catalog()
        self.in_flight = InFlight()


def main():
    address = (os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"]))
    server = Server(address)

    def stop(*_):
        # shutdown() waits for the accept loop, which runs in this very thread: it needs another one.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"recommendations (python {sys.version.split()[0]}) listens on {address[0]}:{address[1]}", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.in_flight.wait_for_none(timeout=10)
    server.server_close()


main()
