# SPDX-License-Identifier: Apache-2.0
"""What the process tests share: a registry of tests that prints TAP, a stack per file, raw sockets, a platform's pen.

A test file decorates functions with @test and ends with main(). Each function gets the file's running stack; its
name is the test's name; it fails when an answer that it got, or a webhook that it was sent, does not fit the contract
(contract.py). When all have run, the processes are stopped gracefully (so that leaks are found), must
end with status 0, `till audit` must find the books whole, and no log may hold a sanitizer's report.
"""
import contextlib
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import contract  # noqa: E402
import stack as stack_module  # noqa: E402
from stack import Answer, Merchant, Process, Stack, free_port, request, wait_for  # noqa: E402,F401

os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=1:strict_string_checks=1")
os.environ.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
REPORT = re.compile(r"ERROR: AddressSanitizer|LeakSanitizer|runtime error|WARNING: ThreadSanitizer|Assertion .* failed")
_tests, _stacks, _folders = [], [], []
contract.watch(stack_module)


def till():
    path = os.environ.get("TILL")
    if not path or not os.access(path, os.X_OK):
        sys.exit("Set TILL to the program to test.")
    return Path(path).resolve()


# ---- writing tests


def test(function):
    _tests.append(function)
    return function


class Failed(AssertionError):
    pass


def expect(truth, message):
    if not truth:
        raise Failed(message() if callable(message) else str(message))


def equal(found, wanted, what):
    if found != wanted:
        raise Failed(f"{what}: found {found!r}, wanted {wanted!r}")


def is_problem(answer, status, code, field=None):
    """An RFC 9457 problem with this code, naming this field."""
    expect(answer.status == status, f"wanted {status} {code}: {answer}")
    expect(answer.headers.get("content-type") == "application/problem+json", f"no problem document: {answer.headers}")
    document = answer.json()
    equal(document.get("code"), code, "code")
    equal(document.get("status"), status, "status member")
    expect(document.get("title") and document.get("detail"), f"without words: {document}")
    if field:
        equal([entry["pointer"] for entry in document.get("errors", [])], ["#" + field], "pointer")
    return document


def together(count, job):
    """Runs job(i) on `count` threads that start at one moment; the results in order, errors raised."""
    barrier, results = threading.Barrier(count), [None] * count

    def run(index):
        barrier.wait()
        try:
            results[index] = job(index)
        except Exception as error:  # handed over to the caller's thread
            results[index] = error
    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


# ---- stacks


def folder():
    """A short-lived folder with a short name (the path of a Unix socket has a limit)."""
    path = Path(tempfile.mkdtemp(prefix="till-"))
    _folders.append(path)
    return path


def new_stack(**overrides):
    """A stack that is checked and swept away at the end; settings with '__' for '.'."""
    stack = Stack(till(), folder())
    stack.overrides = {name.replace("__", "."): value for name, value in overrides.items()}
    if any(name.startswith("limits.") and value == "off" for name, value in stack.overrides.items()):
        contract.unlimited.add(stack.gateway_port)
    _stacks.append(stack)
    return stack


def rsa_key(path):
    subprocess.run(["openssl", "genrsa", "-out", str(path), "2048"], check=True, capture_output=True)
    return path


def started(shop=False, own_platform_key=False, **overrides):
    """Sandbox, gateway, an app, a key and an account. With own_platform_key the test can sign for the platform."""
    stack = new_stack(**overrides)
    stack.start_sandbox()
    stack.init()
    stack.start_gateway()
    if own_platform_key:
        stack.platform_key = rsa_key(stack.folder / "platform.pem")
        stack.provision(platform_private_key=stack.platform_key.read_text(encoding="utf-8"))
    else:
        stack.provision()
    if shop:
        stack.start_shop()
    return stack


def logs(stack):
    return [path for path in sorted(stack.folder.glob("*.log"))]


def reports(stack):
    found = []
    for path in logs(stack):
        text = path.read_text(encoding="utf-8", errors="replace")
        match = REPORT.search(text)
        if match:
            found.append(f"{path.name}: {text[match.start():match.start() + 3000]}")
    return found


def stop_gracefully(stack):
    """Bad endings as sentences. A process that a test killed on purpose does not count."""
    bad = []
    for name in ("shop", "gateway", "sandbox"):
        process = getattr(stack, name)
        if process is None or process.child is None:
            continue
        was_running = process.running()
        try:
            status = process.stop(signal.SIGTERM, 30)
        except subprocess.TimeoutExpired:
            bad.append(f"{name} did not stop within 30 s")
            continue
        if was_running and status != 0:
            bad.append(f"{name} ended with {status}: {process.output()[-2000:]}")
    return bad


def audited(stack):
    """What `till audit` says against a store that a file's tests have lived in; a stack whose file a test spoilt on purpose is `spoilt`."""
    path = stack.folder / "till.db"
    if not path.exists() or getattr(stack, "spoilt", False):
        return []
    done = subprocess.run([str(till()), "audit", "--store", str(path), "--all"], capture_output=True, text=True, timeout=120)
    return [] if done.returncode == 0 else [f"till audit ended with {done.returncode}: {done.stdout[-3000:]}{done.stderr[-1000:]}"]


def keep_to_the_contract():
    broken = contract.taken()
    expect(not broken, "\n".join(broken[:5]))


def revive(stack):
    """After a failed test the others still get a stack to run on."""
    if stack is None:
        return
    with contextlib.suppress(Exception):
        if stack.sandbox and not stack.sandbox.running():
            stack.start_sandbox()
        if stack.gateway and not stack.gateway.running():
            stack.start_gateway()
        stack.control("DELETE", "/faults")


def restart_gateway(stack, how=signal.SIGKILL, **options):
    if how == signal.SIGKILL:
        stack.gateway.kill()
    else:
        stack.gateway.stop(how)
    stack.start_gateway(**options)


def sweep(failed=0):
    """Ends what still runs and removes the folders; with TILL_KEEP those of a failed run stay."""
    for stack in _stacks:
        stack.close()
    for path in _folders:
        subprocess.run(["umount", "-q", "-R", str(path / "small")], capture_output=True) if (path / "small").is_mount() else None
        if failed and os.environ.get("TILL_KEEP"):
            print(f"# kept {path}")
        else:
            shutil.rmtree(path, ignore_errors=True)


def main(setup=None, **options):
    """Runs the file's tests (those named on the command line, or all) and ends the program."""
    wanted = set(sys.argv[1:])
    chosen = [function for function in _tests if not wanted or function.__name__ in wanted]
    failed, started_at = 0, time.monotonic()
    shared = None
    print(f"1..{len(chosen) + 1}", flush=True)

    def tell(number, good, name, words="", seconds=None):
        timing = f" # {seconds:.2f}s" if seconds is not None else ""
        print(f"{'ok' if good else 'not ok'} {number} - {name}{timing}", flush=True)
        for line in words.splitlines():
            print(f"# {line}", flush=True)
        return 0 if good else 1
    try:
        try:
            shared = setup() if setup else started(**options)
        except Exception:  # every test fails with the reason, none is skipped
            words = traceback.format_exc()
            for number, function in enumerate(chosen, 1):
                failed += tell(number, False, function.__name__, words if number == 1 else "The stack did not start.")
            chosen = []
        for number, function in enumerate(chosen, 1):
            begin = time.monotonic()
            try:
                function(shared)
                keep_to_the_contract()
                tell(number, True, function.__name__, seconds=time.monotonic() - begin)
            except Exception as error:
                words = str(error) if isinstance(error, Failed) else f"{type(error).__name__}: {error}"
                where = traceback.extract_tb(error.__traceback__)[1:]
                lines = [f"at {Path(frame.filename).name}:{frame.lineno} {frame.line}" for frame in where if frame.filename.startswith(str(ROOT))]
                failed += tell(number, False, function.__name__, words[:4000] + "\n" + "\n".join(lines[-4:]), time.monotonic() - begin)
                revive(shared)
                contract.taken()
        bad = contract.taken()
        bad += [sentence for stack in _stacks for sentence in stop_gracefully(stack)]
        bad += [sentence for stack in _stacks for sentence in audited(stack) + reports(stack)]
        failed += tell(len(chosen) + 1, not bad, "everything_stops_cleanly_with_whole_books_and_without_a_sanitizer_report", "\n".join(bad))
    finally:
        sweep(failed)
    print(f"# {time.monotonic() - started_at:.1f} s")
    sys.exit(1 if failed else 0)


# ---- raw HTTP


def connect(port, timeout=10):
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def read_all(connection):
    """Everything until the peer closes (or falls silent for the connection's timeout)."""
    parts = []
    try:
        while True:
            part = connection.recv(65536)
            if not part:
                return b"".join(parts), True
            parts.append(part)
    except (ConnectionResetError, BrokenPipeError):
        return b"".join(parts), True
    except TimeoutError:
        return b"".join(parts), False


def raw(port, data, timeout=10):
    """Sends bytes, reads until closed: (answer bytes, closed by the peer)."""
    with connect(port, timeout) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
        answer = read_all(connection)
    if port in stack_module.public_ports:
        contract.judge_raw(data, answer[0])
    return answer


def statuses(data):
    """Status codes of all answers in the bytes."""
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", data)]


def head(method, target, headers, port=None):
    lines = [f"{method} {target} HTTP/1.1"] + [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


# ---- money and orders


_serial = 0


def number(prefix="A"):
    """A fresh out_trade_no."""
    global _serial
    _serial += 1
    return f"{prefix}{os.getpid()}x{_serial}"


def order(out_trade_no=None, **fields):
    return {"channel": "alipay", "product": "precreate", "amount": 990, "currency": "CNY",
            "out_trade_no": out_trade_no or number(), "subject": "Coffee", **fields}


def create(stack, out_trade_no=None, **fields):
    """A pending payment."""
    answer = stack.merchant().call("POST", "/v1/payments", order(out_trade_no, **fields))
    expect(answer.status == 201, f"create: {answer}")
    return answer.json()


def read(stack, payment):
    identity = payment if isinstance(payment, str) else payment["id"]
    answer = stack.merchant().call("GET", f"/v1/payments/{identity}")
    expect(answer.status == 200, f"read: {answer}")
    return answer.json()


def settle(stack, payment):
    """The buyer scans and pays; waits until our record says so."""
    stack.control("POST", f"/trades/{payment['upstream_no']}/scan", {})
    stack.pay(payment["upstream_no"])
    return await_state(stack, payment, "paid")


def await_state(stack, payment, state, seconds=20):
    return wait_for(lambda: (lambda row: row if row["state"] == state else None)(read(stack, payment)),
                    f"state {state} of {payment['id']}", seconds)


def events(stack, payment):
    """All events of one payment, in order."""
    found, after = [], 0
    while True:
        page = stack.merchant().call("GET", f"/v1/events?after={after}&limit=100").json()
        found += [event for event in page["data"] if event["payment_id"] == payment["id"]]
        if not page["data"]:
            return sorted(found, key=lambda event: event["sequence"])
        after = page["next_after"]


def event_types(stack, payment):
    return [event["type"] for event in events(stack, payment)]


def facts_of(stack, payment):
    """Everything that an unproven message must not move."""
    return (rows(stack, "SELECT state, paid_us, closed_us FROM payments WHERE id = ?", payment["id"]),
            rows(stack, "SELECT count(*) FROM ledger")[0][0], rows(stack, "SELECT count(*) FROM events")[0][0],
            rows(stack, "SELECT state, received, refunded FROM attempts WHERE payment_id = ?", payment["id"]))


def discrepancies(stack):
    answer = stack.merchant().call("GET", "/v1/discrepancies?limit=100")
    expect(answer.status == 200, f"discrepancies: {answer}")
    return answer.json()["data"]


@contextlib.contextmanager
def database(stack):
    """The store's file, read only."""
    handle = sqlite3.connect(f"file:{stack.folder / 'till.db'}?mode=ro", uri=True, timeout=10)
    try:
        yield handle
    finally:
        handle.close()


def rows(stack, sql, *values):
    with database(stack) as handle:
        return handle.execute(sql, values).fetchall()


def ledger_is_balanced(stack):
    return rows(stack, "SELECT count(*) FROM (SELECT transaction_id FROM ledger GROUP BY transaction_id, currency"
                       " HAVING sum(debit) <> sum(credit))")[0][0] == 0


def metric(stack, name):
    return stack.metrics().get(name, 0.0)


def metric_sum(stack, name, **labels):
    """Sum over the series of a metric that carry these labels."""
    total = 0.0
    for series, value in stack.metrics().items():
        base, _, text = series.partition("{")
        if base == name and all(f'{label}="{wanted}"' in text for label, wanted in labels.items()):
            total += value
    return total


# ---- the platform's pen: notifications signed in the test


def openssl_sign(key, text, digest="sha256"):
    import base64
    done = subprocess.run(["openssl", "dgst", f"-{digest}", "-sign", str(key)], input=text, capture_output=True, check=True)
    return base64.b64encode(done.stdout).decode()


def beijing(seconds=None):
    moment = time.time() if seconds is None else seconds
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment + 8 * 3600))


def notice(stack, payment, **fields):
    """The parameters of a true TRADE_SUCCESS for this payment; None leaves one out."""
    cents = payment["amount"]
    parameters = {
        "notify_id": f"2026{os.urandom(12).hex()}", "notify_type": "trade_status_sync", "notify_time": beijing(),
        "charset": "utf-8", "version": "1.0", "sign_type": "RSA2", "app_id": stack.platform["app_id"],
        "auth_app_id": stack.platform["app_id"], "seller_id": stack.platform["seller_id"],
        "out_trade_no": payment["upstream_no"], "trade_no": "20261123" + payment["upstream_no"][-20:].rjust(20, "0"),
        "total_amount": f"{cents // 100}.{cents % 100:02d}", "subject": payment["subject"], "trade_status": "TRADE_SUCCESS",
        "gmt_create": beijing(time.time() - 5), "gmt_payment": beijing(), "buyer_id": "2088102177846880",
        "buyer_logon_id": "bu***@example.com", "receipt_amount": f"{cents // 100}.{cents % 100:02d}",
    }
    parameters.update(fields)
    return {name: value for name, value in parameters.items() if value is not None}


def signed(stack, parameters, key=None, charset="utf-8", digest="sha256"):
    """Adds the signature over the sorted decoded text; the encoded form."""
    text = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters) if name not in ("sign", "sign_type")
                    and parameters[name] != "").encode(charset)
    signature = openssl_sign(key or stack.platform_key, text, digest)
    return encode({**parameters, "sign": signature}, charset)


def encode(parameters, charset="utf-8"):
    return "&".join(f"{urllib.parse.quote_plus(name)}={urllib.parse.quote_plus(value.encode(charset))}"
                    for name, value in parameters.items()).encode()


def deliver(stack, body, query="", account=None, charset="utf-8", port=None):
    """Posts a notification as the platform would."""
    target = f"/notify/alipay/{(account or stack.account)['public_id']}{query}"
    return request(port or stack.gateway_port, "POST", target, body,
                   {"Content-Type": f"application/x-www-form-urlencoded; charset={charset}"})


def acked(answer):
    return answer.status == 200 and answer.body == b"success"


# ---- administration over the Unix socket


def admin_http(stack, method, target, document=None):
    """One request to the administration's socket, past the command line."""
    import http.client
    import json

    class Local(http.client.HTTPConnection):
        def connect(self):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(20)
            self.sock.connect(str(stack.folder / "admin.sock"))
    connection = Local("localhost")
    try:
        body = b"" if document is None else json.dumps(document).encode()
        connection.request(method, target, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def second_merchant(stack, name="Other shop"):
    """Another app with a key of its own (and no account)."""
    app = stack.admin("app", "add", "--name", name, "--mode", "test", "--hosts", "other.example")
    key = stack.admin("app", "key", "--app", app["id"])
    return app, Merchant(stack.gateway_port, key["id"], bytes.fromhex(key["secret"])), key


# ---- a merchant's ear


class Receiver:
    """An HTTP server of the test that keeps what it is sent. answer(message) gives (status, headers, body) or talks itself."""

    def __init__(self, answer=None, port=0):
        import http.server
        self.messages, self.lock = [], threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                length = int(self.headers.get("Content-Length", "0"))
                message = {"at": time.time(), "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()},
                           "body": self.rfile.read(length)}
                if "webhook-id" in message["headers"]:
                    contract.note(contract.contract().judge_webhook(message["headers"], message["body"]))
                with outer.lock:
                    outer.messages.append(message)
                reply = answer(message, self) if answer else (200, {}, b"ok")
                if reply is None:  # it spoke for itself
                    self.close_connection = True
                    return
                status, headers, body = reply
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):  # a peer that left is no news here
                pass
        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def ids(self):
        with self.lock:
            return [message["headers"]["webhook-id"] for message in self.messages]

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
