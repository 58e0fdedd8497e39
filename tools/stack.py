# SPDX-License-Identifier: Apache-2.0
"""Starts till's parts as real processes: sandbox, gateway, demo shop. Used by `make run` and by the process tests."""
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from pathlib import Path


_given = set()
# Ports of gateways' public listeners, and who wants to see each answer of `request`: observer(port, method, target, answer).
public_ports, observer = set(), None


def free_port():
    """A port of its own outside the range of outgoing connections: a process that is down for a moment finds its own again."""
    first, last = (int(word) for word in Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split())
    low, high = (10000, first) if first >= 20000 else (last + 1, 65536)
    for _ in range(1000 if high - low >= 1000 else 0):
        port = low + secrets.randbelow(high - low)
        if port in _given:
            continue
        _given.add(port)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.text[:400]}"


def request(port, method, target, body=b"", headers=None, host="127.0.0.1", timeout=30):
    """One HTTP request on a connection of its own."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request(method, target, body=body, headers=headers or {})
        received = connection.getresponse()
        answer = Answer(received.status, dict((k.lower(), v) for k, v in received.getheaders()), received.read())
        if observer:
            observer(port, method, target, answer)
        return answer
    finally:
        connection.close()


def wait_for(check, what, seconds=20, step=0.05):
    """Polls until check() is true; its value."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not happen within {seconds} s")
        time.sleep(step)


class Merchant:
    """A merchant's server: signs each request as doc/API says (HMAC-SHA256)."""

    def __init__(self, port, key_id, secret, host=None):
        self.port, self.key_id, self.secret = port, key_id, secret
        self.host = host or f"127.0.0.1:{port}"

    def authorization(self, method, target, body, timestamp=None, nonce=None):
        timestamp = int(time.time()) if timestamp is None else timestamp
        nonce = nonce or secrets.token_hex(16)
        text = "\n".join([method, self.host, target, str(timestamp), nonce, hashlib.sha256(body).hexdigest()]) + "\n"
        mac = hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()
        return f"TILL-HMAC-SHA256 key={self.key_id},timestamp={timestamp},nonce={nonce},signature={mac}"

    def call(self, method, target, document=None, headers=None, timeout=30, **signing):
        body = b"" if document is None else document if isinstance(document, bytes) else json.dumps(document).encode()
        all_headers = {"Host": self.host, "Authorization": self.authorization(method, target, body, **signing)}
        if body:
            all_headers["Content-Type"] = "application/json"
        all_headers.update(headers or {})
        return self.send(method, target, body, all_headers, timeout)

    def send(self, method, target, body, headers, timeout):
        return request(self.port, method, target, body, headers, timeout=timeout)

    def create(self, out_trade_no, amount=990, **fields):
        order = {"channel": "alipay", "product": "precreate", "amount": amount, "currency": "CNY",
                 "out_trade_no": out_trade_no, "subject": "Coffee", **fields}
        return self.call("POST", "/v1/payments", order)


class Process:
    """A child with its output in a file."""

    def __init__(self, arguments, log, env=None):
        self.arguments, self.log = [str(a) for a in arguments], Path(log)
        self.env = {**os.environ, **(env or {})}
        self.child = None

    def start(self):
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self.env,
                                          start_new_session=True)
        return self

    def running(self):
        return self.child is not None and self.child.poll() is None

    def stop(self, how=signal.SIGTERM, seconds=15):
        """Sends a signal and waits; the exit status."""
        if self.child is None:
            return None
        if self.child.poll() is None:
            self.child.send_signal(how)
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return self.child.returncode

    def kill(self):
        """SIGKILL to the whole group, supervisor and daemon."""
        if self.child is not None:
            try:
                os.killpg(self.child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.child.wait()
            wait_for(lambda: not self.relatives(), "the end of a killed process group", 10, 0.005)

    def relatives(self):
        """Living processes of the group: a killed supervisor's daemon ends a moment after it, and holds its locks till then."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, group = stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[:3]
                threads = len(list((stat.parent / "task").iterdir()))
            except OSError:
                continue
            if int(group) == self.child.pid and (state not in "ZX" or threads > 1):
                found.append(int(stat.parent.name))
        return found

    def output(self):
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""


class Stack:
    """Sandbox + gateway (+ shop) in one folder, on loopback ports of their own."""

    def __init__(self, till, folder, gateway_port=None, sandbox_port=None, shop_port=None,
                 private_port=None):
        self.till, self.folder = Path(till).resolve(), Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.gateway_port = gateway_port or free_port()
        public_ports.add(self.gateway_port)
        self.private_port = private_port or free_port()
        self.sandbox_port = sandbox_port or free_port()
        self.shop_port = shop_port or free_port()
        self.sandbox = self.gateway = self.shop = None
        self.app = self.key = self.account = None
        self.overrides = {}

    # -- parts

    def verb(self, *arguments, check=True, input_bytes=None):
        """Runs `till VERB ... --json`; the parsed answer."""
        done = subprocess.run([str(self.till), *map(str, arguments), "--json"], capture_output=True, input=input_bytes, timeout=60)
        if check and done.returncode:
            raise RuntimeError(f"till {' '.join(map(str, arguments))}: {done.stderr.decode()} {done.stdout.decode()}")
        return json.loads(done.stdout) if done.stdout.strip() else {}

    @property
    def config(self):
        return self.folder / "till.yaml"

    def admin(self, *arguments, **options):
        return self.verb(*arguments, "-c", self.config, **options)

    def start_sandbox(self, *arguments):
        self.sandbox = Process([self.till, "sandbox", "--listen", f"127.0.0.1:{self.sandbox_port}", "--state",
                                self.folder / "sandbox.json", "--public-url", f"http://127.0.0.1:{self.sandbox_port}", *arguments],
                               self.folder / "sandbox.log").start()
        self.await_port(self.sandbox, self.sandbox_port, "/health")

    def init(self):
        if not self.config.exists():
            self.verb("init", "--dir", self.folder, "--public-url", f"http://127.0.0.1:{self.gateway_port}",
                      "--port", self.gateway_port, "--private-port", self.private_port,
                      "--permit", f"127.0.0.1:{self.sandbox_port}", "--permit", f"127.0.0.1:{self.shop_port}")

    def start_gateway(self, env=None, wait=True, arguments=()):
        settings = [word for name, value in self.overrides.items() for word in ("--set", f"{name}={value}")]
        self.gateway = Process([self.till, "serve", "-c", self.config, *settings, *arguments], self.folder / "gateway.log", env).start()
        if wait:
            self.await_port(self.gateway, self.gateway_port, "/ready")

    def await_port(self, process, port, path):
        def is_up():
            if not process.running():
                raise RuntimeError(f"{process.arguments[1]} ended with {process.child.returncode}:\n{process.output()[-3000:]}")
            try:
                return request(port, "GET", path, timeout=5).status == 200
            except (OSError, http.client.HTTPException):
                return False
        wait_for(is_up, f"{process.arguments[1]} on port {port}", 30)

    def control(self, method, path, document=None):
        body = json.dumps(document).encode() if document is not None else b""
        answer = request(self.sandbox_port, method, "/control" + path, body, {"Content-Type": "application/json"})
        if answer.status >= 300:
            raise RuntimeError(f"sandbox control {method} {path}: {answer}")
        return answer.json() if answer.body else {}

    def provision(self, hosts=None, platform_private_key=None, bill_hosts=""):
        """An app at the platform, an app, key and account at till. Remembers them in provision.json."""
        memory = self.folder / "provision.json"
        if memory.exists():
            known = json.loads(memory.read_text(encoding="utf-8"))
        else:
            keys = self.folder / "keys"
            self.verb("key", "make", "--out", keys)
            public = (keys / "app_public_key.pem").read_text(encoding="utf-8")
            wish = {"name": "Coffee shop", "public_key": public}
            if platform_private_key:  # a test that wants to sign as the platform does
                wish["platform_private_key"] = platform_private_key
            platform = self.control("POST", "/apps", wish)
            (keys / "alipay_public_key.pem").write_text(platform["platform_public_key"], encoding="utf-8")
            app = self.admin("app", "add", "--name", "Coffee shop", "--mode", "test", "--hosts",
                             hosts or f"127.0.0.1:{self.shop_port}")
            key = self.admin("app", "key", "--app", app["id"])
            account = self.admin("account", "add", "--app", app["id"], "--channel", "alipay", "--name", "main",
                                 "--set", f"app_id={platform['app_id']}", "--set", f"seller_id={platform['seller_id']}",
                                 "--set", f"gateway_url=http://127.0.0.1:{self.sandbox_port}/alipay/gateway.do",
                                 "--set", f"private_key=@{keys / 'app_private_key.pem'}",
                                 "--set", f"platform_public_key=@{keys / 'alipay_public_key.pem'}",
                                 *(["--set", f"bill_hosts={bill_hosts}"] if bill_hosts else []))
            known = {"platform": platform, "app": app, "key": key, "account": account}
            memory.write_text(json.dumps(known, indent=1), encoding="utf-8")
            memory.chmod(0o600)
        self.platform, self.app, self.key, self.account = known["platform"], known["app"], known["key"], known["account"]
        return known

    def provision_stripe(self, name="cards"):
        """An account of stripe at till, and at the simulator the webhook endpoint that leads to it. Remembers them in stripe-NAME.json."""
        memory = self.folder / f"stripe-{name}.json"
        if memory.exists():
            return json.loads(memory.read_text(encoding="utf-8"))
        settings = {"secret_key": "sk_test_" + secrets.token_hex(16), "webhook_secret": "whsec_" + secrets.token_hex(16),
                    "api_url": f"http://127.0.0.1:{self.sandbox_port}"}
        account = self.admin("account", "add", "--app", self.app["id"], "--channel", "stripe", "--name", name,
                             *[word for key, value in settings.items() for word in ("--set", f"{key}={value}")])
        self.control("POST", "/stripe/endpoints", {"key": settings["secret_key"], "secret": settings["webhook_secret"], "url": account["notify_url"]})
        known = {"account": account, "settings": settings}
        memory.touch(0o600)
        memory.write_text(json.dumps(known, indent=1), encoding="utf-8")
        return known

    def buyer_at_stripe(self, payment, verb="pay", **words):
        """What the buyer does on the page that the payment's action leads to: pay, later, expire ..."""
        session = payment["action"]["value"].rsplit("/", 1)[1]
        return self.control("POST", f"/stripe/sessions/{session}/{verb}", words)

    def merchant(self):
        return Merchant(self.gateway_port, self.key["id"], bytes.fromhex(self.key["secret"]))

    def start_shop(self, *arguments, env=None):
        key_file, hook_file = self.folder / "shop.key", self.folder / "shop.webhook"
        for path, text in ((key_file, self.key["secret"]), (hook_file, self.app["webhook_secret"])):
            path.touch(0o600)
            path.write_text(text, encoding="utf-8")
        self.shop = Process([self.till, "shop", "--listen", f"127.0.0.1:{self.shop_port}", "--till", f"http://127.0.0.1:{self.gateway_port}",
                             "--public-url", f"http://127.0.0.1:{self.shop_port}", "--key-id", self.key["id"], "--secret-file", key_file,
                             "--webhook-secret-file", hook_file, "--journal", self.folder / "shop.journal", *arguments],
                            self.folder / "shop.log", env).start()
        self.await_port(self.shop, self.shop_port, "/health")

    def start(self, shop=False, bill_hosts="", cards=False):
        self.start_sandbox()
        self.init()
        self.start_gateway()
        self.provision(bill_hosts=bill_hosts)
        if cards:
            self.provision_stripe()
        if shop:
            self.start_shop(*["--cards"] if cards else [])
        return self

    def close(self):
        for process in (self.shop, self.gateway, self.sandbox):
            if process is not None:
                process.kill()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    # -- short cuts for tests

    def metrics(self):
        """name{labels} -> value, from the private listener."""
        text = request(self.private_port, "GET", "/metrics").text
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line and line[0] != "#"}

    def pay(self, upstream_no):
        return self.control("POST", f"/trades/{upstream_no}/pay", {})
