# SPDX-License-Identifier: Apache-2.0
"""The command line as a newcomer meets it: keys, init, explain, doctor, operators' verbs, backup and restore; with --json and --help."""
import base64
import contextlib
import hmac
import http.server
import json
import os
import re
import socket
import sqlite3
import ssl
import stat
import subprocess
import threading
import time
import urllib.parse
from email.utils import formatdate

from tap import ROOT, Receiver, await_state, create, equal, expect, folder, free_port, main, new_stack, read, request, test, till, wait_for

VERBS = ("serve", "init", "app", "account", "endpoint", "key", "pay", "query", "refund", "attempt", "close", "explain", "har", "doctor", "status", "backup", "shop",
         "sandbox")
PARTS = {"key": ("make", "show", "convert", "check"), "app": ("add", "list", "key", "keys", "enable", "disable", "revoke"),
         "account": ("add", "list", "update", "enable", "disable"), "endpoint": ("add", "list", "enable", "disable"), "attempt": ("add", "list", "keep")}


def setup():
    """A stack whose public address is a recorder in front, and whose platform is reached through another one."""
    stack = new_stack(payments__ask_after="300ms", payments__ask_slowest="500ms")
    stack.front = Receiver(lambda message, handler: forward(stack.gateway_port, message, handler))
    stack.back = Receiver(lambda message, handler: forward(stack.sandbox_port, message, handler))
    stack.back.answers = []
    stack.odd = {name: free_port() for name in ("closed", "garbage", "late_clock", "silent")}
    permitted = [stack.sandbox_port, stack.shop_port, stack.back.port, *stack.odd.values()]
    stack.overrides["outbound.permit"] = " ".join(f"127.0.0.1:{port}" for port in permitted)
    stack.overrides["public_url"] = f"http://127.0.0.1:{stack.front.port}"
    stack.start()
    stack.recorded = add_account(stack, "recorded", f"http://127.0.0.1:{stack.back.port}/alipay/gateway.do")
    stack.config.write_text(re.sub(r'^public_url: .*$', f'public_url: "http://127.0.0.1:{stack.front.port}"',
                                   stack.config.read_text(encoding="utf-8"), flags=re.M), encoding="utf-8")
    return stack


def forward(port, message, handler):
    kind = {"Content-Type": message["headers"]["content-type"]} if "content-type" in message["headers"] else {}
    answer = request(port, handler.command, message["path"], message["body"], kind)
    message["answer"] = answer.body
    headers = {name: answer.headers[name] for name in ("content-type", "till-instance", "date") if name in answer.headers}
    return answer.status, {name: value for name, value in headers.items() if name != "date"}, answer.body


def add_account(stack, name, url, **changed):
    keys = stack.folder / "keys"
    settings = {"app_id": stack.platform["app_id"], "seller_id": stack.platform["seller_id"], "gateway_url": url,
                "private_key": f"@{keys / 'app_private_key.pem'}", "platform_public_key": f"@{keys / 'alipay_public_key.pem'}", **changed}
    return stack.admin("account", "add", "--app", stack.app["id"], "--channel", "alipay", "--name", name,
                       *[word for key, value in settings.items() for word in ("--set", f"{key}={value}")])


def run(*words, stdin=b"", env=None):
    """(status, standard output, standard error)"""
    done = subprocess.run([str(till()), *map(str, words)], input=stdin, capture_output=True, timeout=90, env={**os.environ, **(env or {})})
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def good(*words, **options):
    status, out, err = run(*words, **options)
    equal(status, 0, f"{' '.join(map(str, words))}: {out} {err}")
    return out


def refused(*words, says="", status=1, **options):
    """Refused with words, without a result on standard output, in JSON too."""
    found, out, err = run(*words, **options)
    equal(found, status, f"{' '.join(map(str, words))}: {out} {err}")
    expect(says in err, f"{' '.join(map(str, words))} does not say {says!r}: {err}")
    found, _, err = run(*words, "--json", **options)
    equal(found, status, f"{' '.join(map(str, words))} --json")
    problem = json.loads(err)
    expect(problem["code"] and problem["detail"], problem)
    return problem


def as_json(*words, **options):
    return json.loads(good(*words, "--json", **options))


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


# ---- words of the command line


@test
def every_verb_and_part_helps(_):
    listed = good("--help")
    for verb in VERBS:
        expect(re.search(rf"^  {verb}\b", listed, re.M), f"{verb} is not in --help")
        help_text = good(verb, "--help")
        expect(help_text.startswith(f"usage: till {verb}"), help_text)
        for part in PARTS.get(verb, ()):
            expect(re.search(rf"^  {part}\b", help_text, re.M), f"{verb} --help leaves out {part}")
            expect(good(verb, part, "--help").startswith(f"usage: till {verb} {part}"), f"{verb} {part} --help")
    expect(re.fullmatch(r"till \d+\.\d+\.\d+\n", good("--version")), "--version")


@test
def what_is_no_verb_part_or_option_ends_with_2(_):
    refused("frobnicate", status=2, says="no such verb")
    equal(run()[0], 2, "without a verb")
    for verb in VERBS:
        if verb not in PARTS:
            refused(verb, "--no-such-option", status=2, says="--no-such-option")
    for verb, parts in PARTS.items():
        refused(verb, status=2, says="|")
        refused(verb, "frobnicate", status=2, says="|")
        for part in parts:
            refused(verb, part, "--no-such-option", status=2, says="--no-such-option")
    refused("key", "make", status=2, says="--out")
    refused("key", "make", "--out", status=2, says="needs a value")
    refused("key", "make", "--out", "/tmp/x", "--bits", "12", status=2, says="2048 to 4096")
    refused("key", "show", status=2)
    refused("key", "show", "a", "b", status=2)
    refused("serve", "--no-supervise=yes", status=2, says="takes no value")


@test
def serve_prints_every_setting(_):
    text, rows = good("serve", "--help"), as_json("serve", "--settings")
    expect(len(rows) > 40, f"{len(rows)} settings")
    for row in rows:
        expect(row["meaning"] in text and row["name"].rsplit(".", 1)[-1] + ": " in text, f"{row['name']} is not in serve --help")
    expect("(100ms to 5m; reload)" in text, "no bounds")


@test
def the_page_of_limits_tells_the_defaults(_):
    defaults = {row["name"]: row["default"] for row in as_json("serve", "--settings")}
    compared = 0
    for line in (ROOT / "doc" / "LIMITS.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 3:
            continue
        words = re.findall(r"`([^`]+)`", line)
        for word in words:
            if re.fullmatch(r"(http|notify|limits|upstream|payments|webhook)\.[a-z_]+", word) or word == "drain_timeout":
                expect(word in defaults, f"{word} is no setting")
            if "/" in word and re.fullmatch(r"[a-z_/]+\.[a-z]+", word):
                expect((ROOT / word).is_file(), f"{word} is no file")
        named = [word for word in words if word in defaults]
        number = re.match(r"(\d+) ?(KiB|MiB|s)\b", cells[1])
        if number and named:
            equal(defaults[named[0]], "".join(number.groups()), f"default of {named[0]}")
            compared += 1
    expect(compared >= 7, f"only {compared} defaults were compared")


# ---- keys


def openssl(*words, stdin=None):
    return subprocess.run(["openssl", *map(str, words)], input=stdin, capture_output=True, check=True).stdout


@test
def a_made_pair_is_private_fits_and_is_never_replaced(_):
    place = folder() / "keys"
    made = as_json("key", "make", "--out", place)
    private, public = place / "app_private_key.pem", place / "app_public_key.pem"
    equal((made["kind"], made["bits"]), ("private", 2048), "what was made")
    equal([mode(place), mode(private), mode(public)], [0o700, 0o600, 0o644], "modes")
    equal(openssl("pkey", "-in", private, "-pubout"), openssl("pkey", "-pubin", "-in", public), "the halves by openssl")
    equal(base64.b64decode(made["public_key"]), openssl("pkey", "-pubin", "-in", public, "-outform", "DER"), "the line for the console")
    before = private.read_bytes()
    refused("key", "make", "--out", place)
    equal(private.read_bytes(), before, "the private key after a second make")
    expect("PRIVATE" not in json.dumps(made), "the private key is shown")
    good("key", "make", "--out", place, "--name", "other", "--bits", "3072")
    equal(as_json("key", "show", place / "other_private_key.pem")["bits"], 3072, "bits")
    os.umask(0)
    try:
        good("key", "make", "--out", place, "--name", "umask")
    finally:
        os.umask(0o022)
    equal(mode(place / "umask_private_key.pem"), 0o600, "mode without an umask")


def pasted_forms(place):
    """Every form of one private key that people paste: name -> bytes."""
    pem = (place / "app_private_key.pem").read_text(encoding="ascii")
    pkcs8 = base64.b64encode(openssl("pkcs8", "-topk8", "-nocrypt", "-in", place / "app_private_key.pem", "-outform", "DER")).decode()
    traditional = openssl("rsa", "-in", place / "app_private_key.pem", "-traditional").decode()
    pkcs1 = "".join(line for line in traditional.splitlines() if "-----" not in line)
    return {
        "PKCS#8 PEM": pem, "PKCS#1 PEM": traditional, "PKCS#8 line": pkcs8, "PKCS#1 line": pkcs1,
        "PEM with CRLF": pem.replace("\n", "\r\n"), "PEM with literal \\n": pem.replace("\n", "\\n"),
        "line with blanks around": f"  {pkcs8} \n\n", "line wrapped by hand": "\n".join(pkcs8[i:i + 50] for i in range(0, len(pkcs8), 50)),
        "PKCS#1 line under PKCS#8 armour": pem.splitlines()[0] + "\n" + pkcs1 + "\n" + pem.splitlines()[-1],
    }


@test
def every_pasted_form_of_a_key_is_the_same_key(_):
    place = folder()
    fingerprint = as_json("key", "make", "--out", place)["fingerprint"]
    for name, text in pasted_forms(place).items():
        path = place / "pasted"
        path.write_text(text, encoding="ascii")
        shown = as_json("key", "show", path)
        equal((shown["kind"], shown["fingerprint"]), ("private", fingerprint), name)
    public = (place / "app_public_key.pem").read_text(encoding="ascii")
    openssl("req", "-x509", "-key", place / "app_private_key.pem", "-subj", "/CN=till test", "-days", "2", "-out", place / "own.crt")
    for name, text in {"public PEM": public, "public line": "".join(public.splitlines()[1:-1]), "CRLF": public.replace("\n", "\r\n"),
                       "literal \\n": public.replace("\n", "\\n"), "certificate": (place / "own.crt").read_text(encoding="ascii")}.items():
        path = place / "pasted"
        path.write_text(text, encoding="ascii")
        shown = as_json("key", "show", path)
        equal((shown["kind"], shown["fingerprint"]), ("public", fingerprint), name)
    for name, text in {"nothing": "", "words": "please insert key", "half a line": public[:200], "an EC key": openssl(
            "ecparam", "-name", "prime256v1", "-genkey", "-noout").decode(), "weak RSA": openssl("genrsa", "-traditional", "512").decode()}.items():
        path = place / "pasted"
        path.write_text(text, encoding="ascii")
        problem = refused("key", "show", path)
        expect(problem["code"] in ("key_invalid", "key_weak"), f"{name}: {problem}")
    refused("key", "show", place / "not there")


@test
def a_converted_key_is_the_same_key_in_the_wanted_form(_):
    place = folder()
    fingerprint = as_json("key", "make", "--out", place)["fingerprint"]
    begins = {"pkcs8-pem": "-----BEGIN PRIVATE KEY-----", "pkcs8-line": "MIIE", "pkcs1-pem": "-----BEGIN RSA PRIVATE KEY-----", "pkcs1-line": "MIIE",
              "public-pem": "-----BEGIN PUBLIC KEY-----", "public-line": "MIIBIjAN"}
    for wanted, begin in begins.items():
        out = place / f"as.{wanted}"
        good("key", "convert", "--in", place / "app_private_key.pem", "--out", out, "--format", wanted)
        text = out.read_text(encoding="ascii")
        expect(text.startswith(begin), f"{wanted}: {text[:40]}")
        if wanted.endswith("line"):
            equal(len(text.strip().splitlines()), 1, f"lines of {wanted}")
        equal(mode(out), 0o644 if wanted.startswith("public") else 0o600, f"mode of {wanted}")
        equal(as_json("key", "show", out)["fingerprint"], fingerprint, wanted)
        before = out.read_bytes()
        refused("key", "convert", "--in", place / "app_private_key.pem", "--out", out, "--format", wanted)
        equal(out.read_bytes(), before, f"{wanted} was replaced")
    refused("key", "convert", "--in", place / "app_private_key.pem", "--out", place / "x", "--format", "pkcs12", status=2, says="pkcs12")
    refused("key", "convert", "--in", place / "app_public_key.pem", "--out", place / "x", "--format", "pkcs8-pem")
    expect(not (place / "x").exists(), "a refused conversion left a file")


@test
def halves_that_do_not_fit_are_refused(_):
    place = folder()
    for name in ("app", "other"):
        good("key", "make", "--out", place, "--name", name)
    mine, public, other = place / "app_private_key.pem", place / "app_public_key.pem", place / "other_public_key.pem"
    equal(as_json("key", "check", "--private", mine, "--public", public, "--platform", other)["verdict"], "the keys fit", "verdict")
    equal(refused("key", "check", "--private", mine, "--public", other)["field"], "--public", "field")
    own = refused("key", "check", "--private", mine, "--platform", public)
    equal(own["field"], "--platform", "field")
    expect("own" in own["detail"], own)
    equal(refused("key", "check", "--private", public)["field"], "--private", "field")


@test
def an_account_with_ones_own_key_as_the_platforms_is_refused(stack):
    keys = stack.folder / "keys"
    try:
        add_account(stack, "own", "http://127.0.0.1:1/alipay/gateway.do", platform_public_key=f"@{keys / 'app_public_key.pem'}")
    except RuntimeError as error:
        expect("platform_public_key" in str(error), error)
    else:
        expect(False, "taken")


# ---- init


@test
def init_makes_private_files_and_overwrites_nothing(_):
    place = folder() / "new"
    made = as_json("init", "--dir", place, "--public-url", "https://pay.example.com", "--port", "18080")
    key, config = place / "master.key", place / "till.yaml"
    equal((made["config"], made["master_key_file"]), (str(config), str(key)), "files")
    equal([mode(place), mode(key), mode(config)], [0o700, 0o600, 0o600], "modes")
    expect(re.fullmatch(r"[0-9a-f]{64}\n", key.read_text(encoding="ascii")), "the master key")
    before = key.read_bytes(), config.read_bytes()
    refused("init", "--dir", place)
    equal((key.read_bytes(), config.read_bytes()), before, "after a second init")
    other = folder() / "other"
    good("init", "--dir", other)
    expect((other / "master.key").read_bytes() != before[0], "two masters are the same")
    refused("init", "--dir", folder() / 'quo"te', status=2)
    refused("init", "--dir", folder() / "port", "--port", "0", status=2)
    half = folder() / "half"
    half.mkdir()
    (half / "till.yaml").write_text("mine: true\n", encoding="utf-8")
    refused("init", "--dir", half)
    equal((half / "till.yaml").read_text(encoding="utf-8"), "mine: true\n", "somebody's file")


# ---- explain


def exchange(stack):
    """A request with its answer, and the notification of one real payment."""
    if not hasattr(stack, "exchange"):
        payment = create(stack, subject="一杯咖啡 a/b", account=stack.recorded["id"])
        stack.control("POST", f"/trades/{payment['upstream_no']}/scan", {})
        stack.pay(payment["upstream_no"])
        await_state(stack, payment, "paid")
        sent = next(m for m in stack.back.messages if b"precreate" in m["body"] + m["path"].encode())
        asked = wait_for(lambda: next((m for m in stack.back.messages if "trade.query" in urllib.parse.unquote(m["path"] + m["body"].decode())), sent),
                         "a question")
        told = next(m for m in stack.front.messages if m["path"].startswith("/notify/"))
        separator = "&" if "?" in sent["path"] else "?"
        stack.exchange = {"request": sent["path"].encode() + separator.encode() + sent["body"], "answer": sent["answer"],
                          "notification": told["body"], "asked": asked}
    return stack.exchange


def keys_of(stack):
    keys = stack.folder / "keys"
    return keys / "app_public_key.pem", keys / "alipay_public_key.pem"


def explain(stack, kind, text, *words, key=None):
    """(status, JSON): requests are signed by the app, everything else by the platform."""
    app, platform = keys_of(stack)
    status, out, err = run("explain", "--key", key or (app if kind == "request" else platform), "--json", *words, stdin=text)
    expect(out, f"{kind}: nothing was explained: {err}")
    return status, json.loads(out)


def signed_by(stack, pairs, key, drop=("sign",), charset="utf-8"):
    """A form signed in the test: over all pairs but those in drop."""
    text = "&".join(f"{name}={value}" for name, value in sorted(pairs.items()) if name not in drop and value).encode(charset)
    sign = base64.b64encode(openssl("dgst", "-sha256", "-sign", key, stdin=text)).decode()
    return "&".join(f"{name}={urllib.parse.quote_plus(value.encode(charset))}" for name, value in {**pairs, "sign": sign}.items()).encode()


@test
def what_really_travelled_verifies(stack):
    for kind in ("request", "answer", "notification"):
        status, found = explain(stack, kind, exchange(stack)[kind])
        equal((status, found["kind"], found["verified"]), (0, kind, True), kind)
        expect(found["canonical"] and "sign=" not in found["canonical"].replace("sign_type", ""), found["canonical"][:300])
    text = good("explain", "--key", keys_of(stack)[0], stdin=exchange(stack)["request"])
    expect("一杯咖啡" in text and "canonical" in text, "not for people")
    equal(explain(stack, "request", b"https://openapi.example.com" + exchange(stack)["request"])[0], 0, "a whole URL")


@test
def one_changed_byte_is_told_with_its_place(stack):
    for kind in ("request", "answer", "notification"):
        text = exchange(stack)[kind]
        honest = explain(stack, kind, text)[1]["canonical"]
        where = {"request": b"out_trade_no%22%3A%22", "answer": b'"out_trade_no":"', "notification": b"total_amount=9.9"}[kind]
        if where not in text:
            where = {"request": b"timestamp=2", "answer": b'"code":"1', "notification": b"total_amount="}[kind]
        at = text.index(where) + len(where)
        changed = text[:at] + (b"7" if text[at:at + 1] != b"7" else b"8") + text[at + 1:]
        status, found = explain(stack, kind, changed, "--expected", honest)
        equal((status, found["verified"]), (1, False), kind)
        expect(found["canonical"] != honest, f"{kind}: the canonical string")
        first = next(i for i, (a, b) in enumerate(zip(found["canonical"].encode(), honest.encode())) if a != b)
        equal(found["first_difference"], first, f"{kind}: first differing byte")
        expect(found["cause"] and found["advice"], found)
        status, found = explain(stack, kind, changed)
        equal((status, found["verified"]), (1, False), f"{kind} without the other side's string")
        expect(found["cause"], found)


@test
def ones_own_key_in_the_platforms_place_is_recognised(stack):
    app, _ = keys_of(stack)
    for kind in ("answer", "notification"):
        status, found = explain(stack, kind, exchange(stack)[kind], "--app-key", app, key=app)
        equal((status, found["verified"]), (1, False), kind)
        expect("app's own" in found["verdict"] and "place of Alipay" in found["cause"], found)


@test
def unescaped_slashes_are_recognised(stack):
    answer = exchange(stack)["answer"]
    expect(b"\\/" in answer, "the answer has no slash")
    head, sign = answer.rsplit(b',"sign"', 1)
    status, found = explain(stack, "answer", head.replace(b"\\/", b"/") + b',"sign"' + sign)
    equal(status, 1, "status")
    expect("\\/" in found["verdict"] and "JSON parser" in found["advice"], found)
    expect(found["compared"][found["first_difference"]] == "\\", f"first difference at {found['first_difference']}")


@test
def the_notifications_rule_on_a_request_is_recognised(stack):
    pairs = dict(urllib.parse.parse_qsl(exchange(stack)["request"].decode().split("?", 1)[-1]))
    text = signed_by(stack, {k: v for k, v in pairs.items() if k != "sign"}, stack.folder / "keys" / "app_private_key.pem", ("sign", "sign_type"))
    status, found = explain(stack, "request", text)
    equal(status, 1, "status")
    expect("sign_type" in found["verdict"] and "notifications" in found["cause"], found)
    expect("sign_type=RSA2" in found["canonical"] and "sign_type" not in found["compared"], found)


@test
def gbk_signed_as_utf8_is_recognised(stack):
    pairs = dict(urllib.parse.parse_qsl(exchange(stack)["request"].decode().split("?", 1)[-1]))
    del pairs["sign"]
    text = "&".join(f"{name}={value}" for name, value in sorted(pairs.items())).encode("gbk")
    sign = base64.b64encode(openssl("dgst", "-sha256", "-sign", stack.folder / "keys" / "app_private_key.pem", stdin=text)).decode()
    form = urllib.parse.urlencode({**pairs, "sign": sign}).encode()  # the wire is UTF-8
    status, found = explain(stack, "request", form)
    equal(status, 1, "status")
    expect("GBK" in found["verdict"] and "charset" in found["cause"], found)
    expect("\\xd2\\xbb\\xb1\\xad" in found["compared"] and "一杯" in found["canonical"], "bytes that are no UTF-8 are shown as such")


@test
def what_cannot_be_explained_is_refused(stack):
    key = keys_of(stack)[0]
    for text in (b"", b"hello", b"{", b'{"a":1}', b"\x00\x01\x02"):
        status, out, err = run("explain", "--key", key, stdin=text)
        equal((status, out), (1, ""), f"{text!r}: {err}")
    refused("explain", "--key", "/not/there", stdin=b"a=1&b=2")
    refused("explain", status=2, says="--key")
    refused("explain", "--stripe-signature", "t=1,v1=a", status=2, says="--webhook-secret", stdin=b"{}")
    refused("explain", "--key", key, says="bytes", stdin=b"a=1&b=" + b"x" * (2 << 20))


@test
def a_stripe_webhook_is_explained(stack):
    secret, body, now = "whsec_9f2b7c1d8e4a6b3c5d0e7f1a2b4c6d8e", b'{\n  "id": "evt_1"\n}', int(time.time())
    file = stack.folder / "stripe_secret"
    file.write_text(secret + "\n", encoding="utf-8")

    def webhook(body, at=now, key=secret, scheme="v1"):
        mac = hmac.new(key.encode(), f"{at}.".encode() + body, "sha256").hexdigest()
        return f"t={at},{scheme}={mac}"

    def told(header, body):
        status, out, err = run("explain", "--stripe-signature", header, "--webhook-secret", f"@{file}", "--json", stdin=body)
        expect(secret not in out + err, "the secret is shown")
        return status, json.loads(out)
    status, found = told(webhook(body), body)
    equal((status, found["verified"], found["canonical"]), (0, True, f"{now}.{body.decode()}"), "a good one")
    for header, part in ((webhook(body + b"\n"), "line break"), (webhook(body, at=now - 4000), "too far away"), (webhook(body, key="another"), "No signature"),
                         (webhook(body, scheme="v0"), "scheme v1"), (webhook(b'{"id":"evt_1"}'), "without blanks")):
        status, found = told(header, body)
        equal((status, found["verified"]), (1, False), header)
        expect(part in found["verdict"] and found["cause"] and found["advice"], found)


# ---- doctor


class Odd(http.server.BaseHTTPRequestHandler):
    """A server with a clock of its own."""
    shift = 0

    def do_GET(self):
        self.send_response_only(200)
        self.send_header("Date", formatdate(time.time() + self.shift, usegmt=True))
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
    do_POST = do_GET

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(port=0, shift=0, context=None):
    handler = type("Odd", (Odd,), {"shift": shift})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def talking(port, words):
    """Says the same to everybody."""
    listener = socket.create_server(("127.0.0.1", port))

    def serve():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), peer:
                peer.settimeout(2)
                peer.recv(4096)
                peer.sendall(words)
    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def doctor(stack, public_url=None, **settings):
    """(status, findings) of the running till, seen through a configuration with another public address."""
    text = stack.config.read_text(encoding="utf-8")
    if public_url:
        text = re.sub(r"^public_url: .*$", f'public_url: "{public_url}"', text, flags=re.M)
    for group, line in settings.items():
        text += f"{group}:\n  {line}\n"
    path = stack.folder / "patient.yaml"
    path.write_text(re.sub(r"^outbound:\n  permit.*\n", "", text, flags=re.M), encoding="utf-8")
    path.chmod(0o600)
    status, out, _ = run("doctor", "-c", path, "--json")
    found = json.loads(out)
    equal(found["troubles"], len([f for f in found["findings"] if not f["ok"]]), "troubles")
    equal(status, 1 if found["troubles"] else 0, f"status with {found}")
    return status, found["findings"]


def troubles(findings):
    return [finding for finding in findings if not finding["ok"]]


def fails_at(findings, stage, check="notify URL"):
    bad = troubles(findings)
    equal([finding["check"] for finding in bad], [check], f"what fails: {bad}")
    expect(bad[0]["detail"].startswith(f"fails at {stage}"), bad)
    expect(bad[0]["advice"], bad)


@test
def the_doctor_finds_a_healthy_till_well(stack):
    status, findings = doctor(stack)
    equal((status, troubles(findings)), (0, []), "findings")
    equal({"config", "master key", "daemon", "store", "keys", "platform", "clock", "signatures", "notify URL"} - {f["check"] for f in findings}, set(), "checks")
    said = good("doctor", "-c", stack.config)
    expect("All is well." in said and "✓" in said, said)
    for secret in ((stack.folder / "master.key").read_text(encoding="ascii").strip(), stack.key["secret"]):
        expect(secret not in said, "a secret is shown")


@test
def the_doctor_names_dns(stack):
    fails_at(doctor(stack, "http://no-such-host.invalid")[1], "dns")


@test
def the_doctor_names_tcp(stack):
    fails_at(doctor(stack, f"http://127.0.0.1:{free_port()}")[1], "tcp")


def certificate(place, days):
    key, leaf = place / "tls.key", place / "tls.pem"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", leaf, "-days", days, "-subj", "/CN=doctor",
            "-addext", "subjectAltName=IP:127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf, key)
    return context, leaf


@test
def the_doctor_names_tls(stack):
    context, _ = certificate(folder(), 30)
    with serving(context=context) as port:
        fails_at(doctor(stack, f"https://127.0.0.1:{port}")[1], "tls")
    with serving() as port:  # plain HTTP where TLS should be
        fails_at(doctor(stack, f"https://127.0.0.1:{port}")[1], "tls")


@test
def the_doctor_names_http(stack):
    for words in (b"220 mail.example.com ESMTP\r\n", b"\x00\xff\x17garbage\r\n\r\n", b""):
        with talking(0, words) as port:
            fails_at(doctor(stack, f"http://127.0.0.1:{port}")[1], "http")


@test
def the_doctor_sees_a_certificate_that_ends_soon(stack):
    for days, well in ((40, True), (5, False)):
        context, leaf = certificate(folder(), days)
        with serving(context=context) as port:
            _, findings = doctor(stack, f"https://127.0.0.1:{port}", outbound=f'ca_file: "{leaf}"')
        found = [f for f in findings if f["check"] == "certificate"]
        equal([f["ok"] for f in found], [well], f"{days} days: {found}")
        expect(re.search(r"ends in \d+ days", found[0]["detail"]), found)


@test
def the_doctor_knows_that_somebody_else_answers(stack):
    with serving() as port:
        _, findings = doctor(stack, f"http://127.0.0.1:{port}")
    equal([(f["check"], f["detail"]) for f in troubles(findings)], [("notify URL", "somebody else answers")], "findings")
    _, findings = doctor(stack, f"http://127.0.0.1:{stack.sandbox_port}/nothing-here")
    equal([f["check"] for f in troubles(findings)], ["notify URL"], "404")


@contextlib.contextmanager
def only_account(stack, name, url, **changed):
    """The doctor looks at every account: one that is ill, then away again."""
    account = add_account(stack, name, url, **changed)
    try:
        yield account
    finally:
        stack.gateway.stop()
        with sqlite3.connect(stack.folder / "till.db") as store:
            store.execute("DELETE FROM accounts WHERE id = ?", (account["id"],))
        stack.start_gateway()


@test
def the_doctor_names_the_stage_at_a_platform(stack):
    stages = {"dns": ("http://no-such-host.invalid/gateway.do", None), "tcp": (f"http://127.0.0.1:{stack.odd['closed']}/gateway.do", None),
              "http": (f"http://127.0.0.1:{stack.odd['garbage']}/gateway.do", b"garbage\r\n\r\n")}
    for stage, (url, words) in stages.items():
        with talking(stack.odd["garbage"], words) if words else contextlib.nullcontext():
            with only_account(stack, stage, url):
                fails_at(doctor(stack)[1], stage, "platform")


@test
def the_doctor_compares_clocks(stack):
    for shift, words in ((3600, "behind"), (-7200, "ahead")):
        with serving(stack.odd["late_clock"], shift) as port, only_account(stack, "clock", f"http://127.0.0.1:{port}/gateway.do"):
            _, findings = doctor(stack)
        bad = [f for f in troubles(findings) if f["check"] == "clock"]
        equal(len(bad), 1, f"clock findings in {findings}")
        expect(words in bad[0]["detail"] and "NTP" in bad[0]["advice"], bad)
        seconds = int(re.search(r"is (\d+) s", bad[0]["detail"]).group(1))
        expect(abs(seconds - abs(shift)) < 60, bad)


@test
def the_doctor_sees_wrong_keys(stack):
    """Keys that look well and are another's: only a question to the platform tells."""
    place = folder()
    good("key", "make", "--out", place, "--name", "stranger")
    url = f"http://127.0.0.1:{stack.sandbox_port}/alipay/gateway.do"
    for name, setting, says in (("mine", {"private_key": f"@{place / 'stranger_private_key.pem'}"}, "isv.invalid-signature"),
                                ("theirs", {"platform_public_key": f"@{place / 'stranger_public_key.pem'}"}, "not signed with the configured"),
                                ("nobodys", {"app_id": "2021999999999999"}, "isv.invalid-app-id")):
        with only_account(stack, name, url, **setting) as account:
            bad = troubles(doctor(stack)[1])
        equal([(f["check"], f["about"]) for f in bad], [("signatures", account["id"])], f"{name}: findings")
        expect(says in bad[0]["detail"] and bad[0]["advice"], bad)


@test
def the_doctor_sees_what_stops_a_start(stack):
    place = folder() / "ill"
    good("init", "--dir", place)
    config, key = place / "till.yaml", place / "master.key"
    _, out, _ = run("doctor", "-c", config, "--json")
    equal([f["check"] for f in troubles(json.loads(out)["findings"])][0], "daemon", "no daemon runs")
    key.chmod(0o644)
    _, out, _ = run("doctor", "-c", config, "--json")
    expect("master key" in [f["check"] for f in troubles(json.loads(out)["findings"])], out)
    key.unlink()
    _, out, _ = run("doctor", "-c", config, "--json")
    expect("master key" in [f["check"] for f in troubles(json.loads(out)["findings"])], out)
    config.write_text("http:\n  port: many\n", encoding="utf-8")
    _, out, _ = run("doctor", "-c", config, "--json")
    bad = troubles(json.loads(out)["findings"])
    equal([f["check"] for f in bad], ["config"], "a bad setting")
    expect("http.port" in bad[0]["about"] + bad[0]["detail"], bad)
    refused("doctor", status=2, says="-c CONFIG")


@test
def the_doctor_sees_open_discrepancies(stack):
    payment = create(stack, account=stack.account["id"])
    stack.control("POST", f"/trades/{payment['upstream_no']}/scan", {})
    stack.control("POST", f"/notify/{payment['upstream_no']}", {"variant": "amount", "event": "paid"})
    wait_for(lambda: stack.admin("status")["discrepancies_open"], "a discrepancy")
    bad = troubles(doctor(stack)[1])
    equal([(f["check"], f["about"]) for f in bad], [("store", "discrepancies_open")], "findings")


# ---- operators' verbs


@test
def an_operator_can_sell_query_refund_and_close(stack):
    app = stack.app["id"]
    place = ["-c", stack.config]
    shown = good("pay", *place, "--app", app, "--account", stack.account["id"], "--amount", "9.90", "--subject", "咖啡", "--order", "cli-order-1")
    expect("█" in shown or "▄" in shown, "no QR code in the terminal")
    payment = as_json("query", *place, "--app", app, "--order", "cli-order-1")
    equal((payment["amount"], payment["state"], payment["subject"]), (990, "pending", "咖啡"), "payment")
    stack.control("POST", f"/trades/{payment['upstream_no']}/scan", {})
    stack.pay(payment["upstream_no"])
    await_state(stack, payment, "paid")
    first = as_json("refund", *place, payment["id"], "--amount", "3.00", "--no", "r-1", "--reason", "cold")
    again = as_json("refund", *place, payment["id"], "--amount", "3.00", "--no", "r-1")
    equal(first["id"], again["id"], "the same refund")
    refused("refund", *place, payment["id"], "--amount", "7.00", says="")
    refused("refund", *place, payment["id"], "--amount", "0", says="")
    refused("refund", *place, payment["id"], "--amount", "1.005", says="")
    refused("refund", *place, payment["id"], "--amount", "1", "--currency", "JPY", says="The payment is in CNY", status=2)
    wait_for(lambda: as_json("query", *place, payment["id"])["refunded"] == 300, "the refund")
    for name, sum_of in (("amount", "9.90"), ("received", "9.90"), ("refunded", "3.00")):
        expect(re.search(rf"^{name} +{re.escape(sum_of)} CNY$", good("query", *place, payment["id"]), re.M), f"{name} is no sum for people")
    other = as_json("pay", *place, "--app", app, "--account", stack.account["id"], "--amount", "0.01")
    equal(as_json("close", *place, other["id"], "--cancel")["state"], "closed", "a cancelled order")
    where = good("pay", *place, "--app", app, "--account", stack.account["id"], "--amount", "0.02", "--product", "page")
    expect(f"http://127.0.0.1:{stack.sandbox_port}/alipay/gateway.do?" in where, "no address for a browser")
    code = stack.control("POST", "/buyers/tester/auth-code", {})["auth_code"]
    charged = as_json("pay", *place, "--app", app, "--account", stack.account["id"], "--amount", "0.03", "--auth-code", code)
    equal((charged["product"], charged["state"]), ("barcode", "paid"), "a charged order")
    refused("pay", *place, "--app", app, "--account", stack.account["id"], "--amount", "0.03", "--product", "barcode", says="auth_code")
    for words in (["pay", "--app", "app_none", "--amount", "1"], ["query", "pay_none"], ["close", "pay_none"]):
        expect(refused(words[0], *place, *words[1:])["code"] != "usage", words)
    refused("query", "-c", "/not/there/till.yaml", "pay_x")
    refused("status", "--socket", "/not/there.sock")
    refused("app", "keys", *place, status=2, says="--app")
    for words in (["app", "list"], ["app", "keys", "--app", app], ["account", "list"], ["endpoint", "list", "--app", app], ["status"]):
        as_json(*words, *place)
        good(*words, *place)


@test
def help_names_the_channels_their_products_and_settings(stack):
    told = good("pay", "--help")
    expect("alipay: precreate, page, wap, app, jsapi, barcode" in told and "(alipay)" in told, told)
    for words in (("account", "add"), ("account", "update")):
        told = good(*words, "--help")
        expect("settings of alipay:" in told and re.search(r"^  seller_id +The payee.*\(required\)$", told, re.M), told)
    expect("no such channel" in refused("pay", "-c", stack.config, "--app", "app_x", "--amount", "1", "--channel", "cash")["detail"], "a channel that is none")


@test
def lists_show_no_secret(stack):
    private = (stack.folder / "keys" / "app_private_key.pem").read_text(encoding="ascii").splitlines()[3]
    app = stack.app["id"]
    for words in (["app", "list"], ["app", "keys", "--app", app], ["account", "list"], ["endpoint", "list", "--app", app]):
        text = good(*words, "-c", stack.config, "--json")
        for secret in (stack.key["secret"], stack.app["webhook_secret"], private):
            expect(secret not in text, f"{words} shows a secret")


# ---- backup and restore


@test
def a_backup_restores(stack):
    kept = create(stack, account=stack.account["id"])
    stack.control("POST", f"/trades/{kept['upstream_no']}/scan", {})
    stack.pay(kept["upstream_no"])
    await_state(stack, kept, "paid")
    copy = stack.folder / "copy.db"
    equal(as_json("backup", "-c", stack.config, copy)["path"], str(copy), "path")
    equal(mode(copy) & 0o077, 0, "the copy is open to others")
    refused("backup", "-c", stack.config, copy)
    refused("backup", "-c", stack.config, "relative.db", status=2)
    refused("backup", "-c", stack.config, "/not/there/copy.db")
    lost = create(stack, account=stack.account["id"])
    stack.control("POST", f"/trades/{lost['upstream_no']}/scan", {})
    stack.gateway.stop()
    store = stack.folder / "till.db"
    for path in (store, store.with_name("till.db-wal"), store.with_name("till.db-shm")):
        path.unlink(missing_ok=True)
    copy.rename(store)
    stack.start_gateway()
    equal((read(stack, kept)["state"], read(stack, kept)["received"]), ("paid", 990), "what was before the backup")
    equal(stack.merchant().call("GET", f"/v1/payments/{lost['id']}").status, 404, "what came after it")
    again = create(stack, account=stack.account["id"])
    stack.control("POST", f"/trades/{again['upstream_no']}/scan", {})
    stack.pay(again["upstream_no"])
    await_state(stack, again, "paid")
    equal(sqlite3.connect(f"file:{store}?mode=ro", uri=True).execute("PRAGMA integrity_check").fetchone()[0], "ok", "integrity")


if __name__ == "__main__":
    main(setup)
