# SPDX-License-Identifier: Apache-2.0
"""HAProxy and nginx in front of a gateway, with the very files of deploy/: what is substituted is addresses and ports, the certificate, paths,
and, without root, the user to become."""
import atexit
import contextlib
import http.client
import json
import os
import re
import secrets
import socket
import ssl
import subprocess
import threading

from http_cases import Listener
from stack import Answer, Merchant, Process, free_port, request, wait_for
from tap import ROOT, expect

HOST = "pay.example.com"
PATHS = "/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", "")


def certificate(folder):
    """A chain, its key, and both in one file."""
    chain, key, both = (folder / name for name in ("edge.crt", "edge.key", "edge.pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(chain), "-days", "2",
                    "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"], check=True, capture_output=True)
    both.write_text(chain.read_text(encoding="ascii") + key.read_text(encoding="ascii"), encoding="ascii")
    both.chmod(0o600)
    return chain, key, both


def substituted(text, rows):
    """Each pattern must be there as often as it says: a file that changed is looked at again."""
    for pattern, replacement, count in rows:
        text, found = re.subn(pattern, replacement, text, flags=re.M)
        expect(found == count, f"{pattern!r} is {found} times in the example, not {count}")
    return text


class Connection(http.client.HTTPConnection):
    """http.client over a socket that the door has opened."""

    def __init__(self, door, source, timeout):
        super().__init__(HOST, timeout=timeout)
        self.door, self.source = door, source

    def connect(self):
        self.sock = self.door.connect(self.timeout, self.source)


class ThroughEdge(Merchant):
    """A merchant that knows till by its public name only."""

    def __init__(self, door, key, source=None):
        super().__init__(0, key["id"], bytes.fromhex(key["secret"]), HOST)
        self.door, self.source = door, source

    def send(self, method, target, body, headers, timeout):
        return self.door.request(method, target, body, headers, timeout, self.source)


class Edge(Listener):
    """A door in front of the gateway, by TLS."""

    def __init__(self, stack, log, upstream=None, folder=None):
        self.stack, self.log, self.host = stack, log, HOST
        self.port, self.port_v6, self.upstream = free_port(), free_port(), upstream or stack.gateway_port
        self.folder = folder or stack.folder
        self.chain, self.key, self.both = certificate(self.folder)
        self.tls = ssl.create_default_context(cafile=str(self.chain))
        self.process = None

    def start(self):
        self.process = Process(self.command(), self.folder / f"{self.name}.log", {"PATH": PATHS}).start()
        atexit.register(self.process.kill)

        def is_up():
            expect(self.process.running(), lambda: f"{self.name} ended: {self.process.output()[-2000:]}")
            try:
                return self.request("GET", "/ready").status == 200
            except OSError:
                return False
        wait_for(is_up, f"{self.name} with a gateway behind it", 20)
        return self

    def connect(self, timeout=10, source=None):
        place = ("::1", self.port_v6) if source == "::1" else ("127.0.0.1", self.port)
        plain = socket.create_connection(place, timeout, (source, 0) if source else None)
        return self.tls.wrap_socket(plain, server_hostname=HOST)

    def request(self, method, target, body=b"", headers=None, timeout=30, source=None):
        connection = Connection(self, source, timeout)
        try:
            connection.request(method, target, body, {"Host": HOST, **(headers or {})})
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def merchant(self, source=None):
        return ThroughEdge(self, self.stack.key, source)

    def watch(self):
        return len(self.log.lines())

    def write(self, name, text):
        path = self.folder / f"{self.name}-{name}"
        path.write_text(text, encoding="utf-8")
        return path


class HAProxy(Edge):
    name = "haproxy"
    # Two equal lengths are one, a fold is a blank, a line may end in a bare LF: RFC 9110 8.6, RFC 9112 5.2 and 2.2. The same Host twice is one.
    resolves = frozenset(("equal lengths", "Content-Length: 3, 3", "two hosts", "folded by a blank", "folded by a tab", "a folded Content-Length",
                          "three headers that hide a fold", "bare LF in a value"))
    codings = (400, 422)
    takes_chunked = False

    def config(self):
        text = (ROOT / "deploy" / "haproxy" / "haproxy.cfg").read_text(encoding="utf-8")
        if os.geteuid() != 0:
            text = substituted(text, [(r"^    (user|group|chroot) .*\n", "", 3)])
        return substituted(text, [(r"bind :443 ssl", f"bind 127.0.0.1:{self.port} ssl", 1), (r"bind :::443 v6only", f"bind ::1:{self.port_v6} v6only", 1),
                                  (r"/etc/haproxy/till\.pem", str(self.both), 2), (r"127\.0\.0\.1:8080", f"127.0.0.1:{self.upstream}", 2)])

    def command(self):
        return ["haproxy", "-db", "-f", self.write("haproxy.cfg", self.config())]

    def lint(self):
        """(exit status, what it said) of the program's own look at the file."""
        done = subprocess.run(["haproxy", "-c", "-f", str(self.write("lint.cfg", self.config()))], capture_output=True, text=True,
                              env={**os.environ, "PATH": PATHS}, check=False)
        return done.returncode, done.stdout + done.stderr


class Nginx(Edge):
    name = "nginx"
    # A bare LF ends a line; a line without a colon is a name with an empty value; a name that is no token is left out. The rest passes and till refuses it.
    resolves = frozenset(("bare LF in a value", "no colon", "strange name", "control byte", "DEL", "101 headers", "unknown method",
                          "chunk size 3 3"))
    codings = (400, 501)

    def config(self):
        text = (ROOT / "deploy" / "nginx" / "nginx.conf").read_text(encoding="utf-8")
        if os.geteuid() != 0:
            text = substituted(text, [(r"^user www-data;\n", "", 1), (r"^http \{", "http { client_body_temp_path temp; proxy_temp_path temp;", 1)])
        return substituted(text, [(r"listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl", 2), (r"listen \[::\]:443", f"listen [::1]:{self.port_v6}", 2),
                                  (r"/etc/nginx/till\.pem", str(self.chain), 1), (r"/etc/nginx/till\.key", str(self.key), 1),
                                  (r"/run/nginx\.pid", str(self.folder / "nginx.pid"), 1), (r"/var/log/nginx", str(self.folder), 2),
                                  (r"127\.0\.0\.1:8080", f"127.0.0.1:{self.upstream}", 2)])

    def command(self):
        return ["nginx", "-p", self.folder, "-c", self.write("nginx.conf", self.config()), "-g", "daemon off;"]

    def lint(self):
        done = subprocess.run(["nginx", "-t", "-p", str(self.folder), "-c", str(self.write("lint.conf", self.config()))], capture_output=True, text=True,
                              env={**os.environ, "PATH": PATHS}, check=False)
        return done.returncode, done.stdout + done.stderr


class Silence:
    """A place behind an edge that is ready and answers nothing else: it keeps what it is sent, and hangs or hangs up."""

    def __init__(self, hangs_up=False):
        self.server, self.hangs_up = socket.create_server(("127.0.0.1", 0), backlog=512), hangs_up
        self.port, self.requests, self.held = self.server.getsockname()[1], [], []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=(self.server.accept()[0],), daemon=True).start()

    def serve(self, connection):
        self.held.append(connection)
        with contextlib.suppress(OSError):
            while True:
                head = connection.recv(65536)
                if head.startswith(b"GET /ready "):
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    continue
                if head:
                    self.requests.append(head)
                if not head or self.hangs_up:
                    connection.close()

    def close(self):
        self.server.close()
        for connection in self.held:
            connection.close()


class GatewayLog:
    """What the gateway saw: a line for each request that it answered or refused, except questions for its health."""

    def __init__(self, stack):
        self.stack, self.at, self.rest, self.seen = stack, 0, b"", []

    def read(self):
        with open(self.stack.folder / "till.log", "rb") as log:
            log.seek(self.at)
            text = log.read()
        self.at += len(text)
        *lines, self.rest = (self.rest + text).split(b"\n")
        for entry in map(json.loads, lines):
            if entry["event"] in ("flow", "http_refused") and entry.get("route") != "ready":
                self.seen.append(entry)

    def lines(self):
        """All so far: a request past the edge, of a trace of its own, comes after them."""
        trace = secrets.token_hex(16)
        request(self.stack.gateway_port, "GET", "/ping", headers={"traceparent": f"00-{trace}-{trace[:16]}-01"})

        def has_come():
            self.read()
            return any(entry.get("trace_id") == trace for entry in self.seen)
        wait_for(has_come, "a line of the log", 20, 0.002)
        self.seen = [entry for entry in self.seen if entry.get("trace_id") != trace]
        return self.seen
