# SPDX-License-Identifier: Apache-2.0
"""Two small servers on loopback: the merchant's notify address, and a relay that stands between a client and the sandbox.

The relay keeps what went through and can change an answer on its way.
"""
import http.client
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *arguments):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def reply(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server:
    def __init__(self, handler):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def fields(text):
    return dict(urllib.parse.parse_qsl(text, keep_blank_values=True))


class Listener(Server):
    """The merchant's site: keeps every notification as its decoded form and answers `success`; shows pages to payers."""

    def __init__(self):
        self.forms = forms = []
        self.pages = pages = {}

        class Handler(Quiet):
            def do_GET(self):
                page = pages.get(self.path, "<!doctype html><title>Shop</title><h1>The shop</h1>")
                self.reply(200, page.encode(), [("Content-Type", "text/html; charset=utf-8")])

            def do_POST(self):
                forms.append(fields(self.body().decode("utf-8")))
                self.reply(200, b"success", [("Content-Type", "text/plain")])
        super().__init__(Handler)
        self.site = f"http://127.0.0.1:{self.port}"
        self.url = self.site + "/notify"

    def of(self, out_trade_no):
        return [form for form in self.forms if form.get("out_trade_no") == out_trade_no]


class Relay(Server):
    """Forwards to the sandbox. `change` (bytes of an answer's body to bytes) is applied on the way back."""

    def __init__(self, port):
        self.requests = requests = []
        self.change = lambda body: body
        relay = self

        class Handler(Quiet):
            def forward(self):
                body = self.body()
                requests.append({**fields(urllib.parse.urlsplit(self.path).query), **fields(body.decode("utf-8", "replace"))})
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                try:
                    kept = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection", "accept-encoding")}
                    connection.request(self.command, self.path, body, {**kept, "Host": f"127.0.0.1:{port}"})
                    answer = connection.getresponse()
                    headers = [(name, value) for name, value in answer.getheaders()
                               if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server")]
                    self.reply(answer.status, relay.change(answer.read()), headers)
                except (OSError, http.client.HTTPException):  # no answer there is none here
                    self.close_connection = True
                finally:
                    connection.close()
            do_GET = do_POST = forward
        super().__init__(Handler)
        self.place = f"http://127.0.0.1:{self.port}"
        self.gateway = f"http://127.0.0.1:{self.port}/alipay/gateway.do"
