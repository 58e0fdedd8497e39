# SPDX-License-Identifier: Apache-2.0
"""Starts that must be refused, naming the setting and never its value (S-131); one escaped JSON line an event (S-132); canaries that may
appear nowhere (S-133)."""
import base64
import json
import os
import re
import secrets
import signal
import subprocess
import urllib.parse

from canaries import canaries, chunks, every_flow, found
from tap import (Receiver, admin_http, create, deliver, encode, equal, expect, folder, free_port, main, notice, order, raw, request, restart_gateway, rows, rsa_key,
                 signed, test, till, wait_for)


# ---- refused starts


def fresh():
    """A folder as till init makes it."""
    place = folder()
    subprocess.run([str(till()), "init", "--dir", str(place), "--public-url", "http://127.0.0.1:1", "--port", str(free_port()), "--private-port", str(free_port()), "--json"],
                   check=True, capture_output=True)
    return place


def serve(place, *words, env=None):
    """Runs the daemon, which must end by itself: (status, what it said)."""
    log = place / "till.log"
    before = log.stat().st_size if log.exists() else 0
    done = subprocess.run([str(till()), "serve", "-c", str(place / "till.yaml"), *words], capture_output=True, timeout=60,
                          env={**os.environ, **(env or {})})
    said = done.stderr.decode("utf-8", "replace") + done.stdout.decode("utf-8", "replace")
    return done.returncode, said + (log.read_bytes()[before:].decode() if log.exists() else "")


def refused(place, *words, names=(), hides=(), env=None):
    status, said = serve(place, *words, env=env)
    expect(status not in (0, 70) and status > 0, f"{words}: ended with {status}: {said[-800:]}")
    expect("is ready" not in said, f"{words}: it said it was ready")
    for name in names:
        expect(name in said, f"{words}: {name!r} is not named: {said[-600:]}")
    for value in hides:
        expect(value not in said, f"{words}: the value is shown: {said[-600:]}")
    return said


def edit(place, pattern, replacement):
    path = place / "till.yaml"
    text = path.read_text(encoding="utf-8")
    changed = re.sub(pattern, replacement, text, flags=re.M)
    expect(changed != text, f"{pattern} is not in the configuration")
    path.write_text(changed, encoding="utf-8")


@test
def s_131_a_key_file_that_others_can_read_stops_the_start(stack):
    place = fresh()
    key = place / "master.key"
    value = key.read_text(encoding="utf-8").strip()
    for mode in (0o644, 0o640, 0o604, 0o666):
        key.chmod(mode)
        refused(place, names=["secrets.master_key_file"], hides=[value])
    key.chmod(0o600)
    private, certificate = place / "tls.key", place / "tls.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(private), "-out", str(certificate), "-days", "2",
                    "-subj", "/CN=pay.example"], check=True, capture_output=True)
    private.chmod(0o644)
    words = ["--set", f"http.tls_certificate={certificate}", "--set", f"http.tls_key={private}"]
    refused(place, *words, names=["http.tls_key"], hides=[private.read_text(encoding="utf-8").splitlines()[1]])
    refused(place, "--set", f"http.tls_key={private}", names=["http.tls"])
    private.chmod(0o600)
    child = subprocess.Popen([str(till()), "serve", "-c", str(place / "till.yaml"), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        expect(b"is ready" in child.stdout.readline(), "the good neighbour does not start")
    finally:
        child.send_signal(signal.SIGTERM)
        equal(child.wait(30), 0, "its end")
    del stack


@test
def a_missing_weak_or_wrong_master_key_stops_the_start(stack):
    place = fresh()
    key = place / "master.key"
    good = key.read_text(encoding="utf-8")
    for text in ("", "\n", "00" * 32, "ab" * 32, good.strip()[:-2], good.strip() + "00", "x" * 64, "0123456789abcdef" * 3 + "zz" * 8):
        key.write_text(text, encoding="utf-8")
        refused(place, names=["master_key"], hides=[text.strip()] if len(text) > 30 else [])
    key.unlink()
    refused(place, names=["master_key"])
    edit(place, r"^ *master_key_file:.*$", "  master_key_file: \"\"")
    refused(place, names=["secrets.master_key_file", "missing"])
    for text in ("", "00" * 32, good.strip()[:-1]):
        refused(place, names=["master_key"], env={"TILL_MASTER_KEY": text}, hides=[text] if len(text) > 30 else [])
    stack.gateway.stop()
    own = stack.folder / "master.key"
    kept = own.read_text(encoding="utf-8")
    try:
        other = secrets.token_hex(32)
        own.write_text(other, encoding="utf-8")
        refused(stack.folder, hides=[other, kept.strip()])
    finally:
        own.write_text(kept, encoding="utf-8")
        stack.start_gateway()
    create(stack)


@test
def a_bad_setting_is_named_with_its_place(stack):
    place = fresh()
    cases = {
        "http.port=eighty": "http.port", "http.port=65536": "http.port", "http.port=-1": "http.port", "http.port=": "http.port",
        "http.header_timeout=10": "http.header_timeout", "http.header_timeout=0s": "http.header_timeout", "http.header_timeout=1y": "http.header_timeout",
        "http.body_max=64": "http.body_max", "http.body_max=1TiB": "http.body_max", "log.debug=perhaps": "log.debug", "log.level=loud": "log.level",
        "log.keep_days=1": "log.keep_days", "auth.window=301s": "auth.window", "public_url=": "public_url", "public_url=pay.example": "public_url",
        "public_url=http://pay.example/": "public_url", "public_url=http://pay.example/?a": "public_url", "public_url=ftp://pay.example": "public_url",
        "http.listen=nowhere at all": "http.listen", "http.trusted_proxies=10.0.0.0/33": "http.trusted_proxies",
        "outbound.permit=127.0.0.1": "outbound.permit", "outbound.permit=everywhere:all": "outbound.permit", "outbound.ca_file=/nonexistent/ca.pem": "outbound",
        "store.path=/nonexistent/till.db": "store", "no.such.setting=1": "no.such.setting", "http.portt=1": "http.portt", "nonsense": "name=value",
        "webhook.workers=0": "webhook.workers", "upstream.timeout=61s": "upstream.timeout", "drain_timeout=1ms": "drain_timeout",
    }
    for words, name in cases.items():
        refused(place, "--set", words, names=[name])
    del stack


@test
def a_mistake_in_the_file_is_named_by_line(stack):
    place = fresh()
    path = place / "till.yaml"
    text = path.read_text(encoding="utf-8")
    edit(place, r"^  port: [0-9]+$", "  port: many")
    line = next(i for i, row in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if "many" in row)
    refused(place, names=["port", f"till.yaml, line {line}, column 9"])
    for addition, name in (("surprise: 1\n", "surprise"), ("http:\n  port: 1\n", "http"), ("log:\n  levell: info\n", "lo"), ("a: [1\n", "till.yaml"),
                           ("---\npublic_url: x\n", "till.yaml"), ("\tx: 1\n", "till.yaml"), ("x: &a 1\ny: *a\n", "till.yaml")):
        path.write_text(text + addition, encoding="utf-8")
        refused(place, names=[name, "till.yaml"])
    path.unlink()
    refused(place, names=["till.yaml"])
    status, said = serve(place, "--no-such-option")
    expect(status == 2 and "--no-such-option" in said, said)
    del stack


@test
def a_second_daemon_on_one_store_is_refused(stack):
    status, said = serve(stack.folder, "--set", "http.port=0", "--set", "private.port=0", "--set", f"admin.socket={stack.folder}/other.sock")
    expect(status == 1 and "in use" in said and str(child_of(stack)) in said, said[-400:])
    create(stack)


def child_of(stack):
    return int(subprocess.run(["pgrep", "-P", str(stack.gateway.child.pid)], capture_output=True, text=True, check=True).stdout.split()[0])


@test
def a_port_that_is_taken_is_named(stack):
    place = fresh()
    refused(place, "--set", f"http.port={stack.gateway_port}", names=["http.listen", str(stack.gateway_port)])
    refused(place, "--set", f"private.port={stack.private_port}", names=["private.listen", str(stack.private_port)])


@test
def the_settings_explain_themselves(stack):
    done = subprocess.run([str(till()), "serve", "--settings"], capture_output=True, text=True, timeout=30, check=True)
    for name in ("public_url", "port", "connect_timeout", "debug", "master_key_file", "64 hex digits"):
        expect(name in done.stdout, f"{name} is not explained")
    del stack


@test
def files_of_till_are_private(stack):
    for name in ("till.db", "till.db-wal", "master.key", "admin.sock", "till.yaml"):
        mode = (stack.folder / name).stat().st_mode & 0o777
        expect(mode & 0o077 == 0, f"{name} has mode {mode:o}")
    expect((stack.folder / "till.log").stat().st_mode & 0o007 == 0, "till.log is readable by everybody")
    keys = stack.folder / "keys"
    expect((keys / "app_private_key.pem").stat().st_mode & 0o077 == 0, "the private key is readable by others")


# ---- the log


HOSTILE = "x\r\n2026-01-01 INFO paid \u2028 \x1b[31m \"}{\\ \u0085"


def log_lines(stack):
    lines = []
    for path in sorted(stack.folder.glob("till.log*")):
        lines += path.read_bytes().split(b"\n")
    return [line for line in lines if line]


@test
def s_132_every_event_is_one_escaped_json_line(stack):
    merchant = stack.merchant()
    merchant.call("POST", "/v1/payments", order(HOSTILE))
    merchant.call("POST", "/v1/payments", order(subject=HOSTILE))
    merchant.call("POST", "/v1/payments", {**order(), HOSTILE: 1})
    merchant.call("POST", "/v1/payments", {**order(), "channel": HOSTILE})
    merchant.call("GET", "/v1/payments?out_trade_no=" + urllib.parse.quote(HOSTILE))
    merchant.call("GET", "/v1/payments?" + urllib.parse.quote(HOSTILE) + "=1")
    merchant.call("GET", "/v1/payments/" + urllib.parse.quote(HOSTILE))
    payment = create(stack, metadata={"note": "a\nb", HOSTILE.replace("\u2028", ""): HOSTILE})
    for fields in ({"out_trade_no": HOSTILE}, {"trade_status": HOSTILE}, {"seller_id": HOSTILE}, {"app_id": HOSTILE}, {"trade_no": HOSTILE},
                   {"buyer_logon_id": HOSTILE}, {"subject": HOSTILE}, {"notify_id": HOSTILE}):
        deliver(stack, signed(stack, notice(stack, payment, **fields)))
    deliver(stack, encode({**notice(stack, payment), "sign": HOSTILE}))
    for target in ("/%0d%0a2026-01-01%20INFO%20paid", "/checkout/%0d%0ax", "/notify/alipay/%0d%0ax", "/\xff\xfe"):
        raw(stack.gateway_port, b"GET " + target.encode("latin-1") + b" HTTP/1.1\r\nHost: x\r\nUser-Agent: a\tb\r\nConnection: close\r\n\r\n", 5)
    raw(stack.gateway_port, b"BREW\x0b /ping HTTP/1.1\r\nHost: x\r\n\r\n", 5)
    request(stack.gateway_port, "GET", "/ping", headers={"traceparent": "00-" + "0" * 32 + "-xx-01", "X-A": "\xe9"})
    admin_http(stack, "POST", "/admin/apps", {"name": HOSTILE, "mode": HOSTILE})
    restart_gateway(stack, signal.SIGTERM)
    lines = log_lines(stack)
    expect(len(lines) > 20, f"only {len(lines)} lines")
    for line in lines:
        expect(not line.startswith(b"2026-01-01"), f"a forged line: {line[:200]}")
        entry = json.loads(line.decode("utf-8"))
        expect(isinstance(entry, dict) and {"time", "level", "event"} <= set(entry), line[:200])
        expect(not any(byte < 0x20 or byte == 0x7f for byte in line), f"a raw control byte: {line[:200]}")
    equal(json.loads(lines[-1])["event"] in ("ready", "outbound_exceptions", "flow", "trail_head"), True, "the last line")


# ---- canaries


@test
def s_133_no_canary_leaves_by_log_error_or_metric(stack):
    for debug in ("false", "true"):
        stack.overrides["log.debug"] = debug
        with Receiver() as receiver:
            stack.overrides["outbound.permit"] = f"127.0.0.1:{stack.sandbox_port} 127.0.0.1:{receiver.port}"
            restart_gateway(stack, signal.SIGTERM)
            endpoint = stack.merchant().call("POST", "/v1/webhook-endpoints", {"url": receiver.url}).json()
            secret = canaries(stack, endpoint)
            bodies = every_flow(stack, receiver)
            wait_for(lambda: len(receiver.messages) >= 2, "webhooks")
            stack.admin("endpoint", "disable", endpoint["id"])
        places = {"an error's body": bodies, "the metrics": request(stack.private_port, "GET", "/metrics").body}
        for path in [*stack.folder.glob("till.log*"), *stack.folder.glob("gateway.log")]:
            places[path.name] = path.read_bytes()
        if debug == "true":
            expect(b'"event":"exchange"' in places["till.log"], "nothing was captured")
            directions = {json.loads(line)["direction"] for line in log_lines(stack) if b'"event":"exchange"' in line}
            expect(directions >= {"api", "upstream", "notify", "webhook"}, f"directions in the capture: {directions}")
            expect(b"[redacted]" in places["till.log"], "nothing was redacted")
            expect(b"alipay.trade.precreate" in places["till.log"], "the capture tells nothing")
        shown = found(secret, places)
        expect(not shown, f"with log.debug={debug}: {shown[:3]}")
    stack.overrides["log.debug"] = "false"
    del stack.overrides["outbound.permit"]
    restart_gateway(stack, signal.SIGTERM)


@test
def s_133_the_database_holds_no_secret_in_clear(stack):
    endpoint = stack.merchant().call("POST", "/v1/webhook-endpoints", {"url": "https://shop.example/hook"}).json()
    create(stack)
    secret = {name: value for name, value in canaries(stack, endpoint).items() if not name.startswith("buyer")}
    secret_bytes = {name: value.encode() for name, value in secret.items()}
    secret_bytes["request secret, raw"] = bytes.fromhex(stack.key["secret"])
    secret_bytes["webhook secret, raw"] = base64.b64decode(stack.app["webhook_secret"].removeprefix("whsec_"))
    secret_bytes["master key, raw"] = bytes.fromhex(secret["master key"])
    copy = stack.folder / "copy.db"
    stack.admin("backup", copy)
    files = {path.name: path.read_bytes() for path in (stack.folder / "till.db", stack.folder / "till.db-wal", copy)}
    for name, value in secret_bytes.items():
        expect(not any(value in text for text in files.values()), f"{name} is in the database")
    shown = found(secret, files)
    expect(not shown, f"in the database: {shown[:3]}")
    sealed = rows(stack, "SELECT sealed_secret FROM keys")
    expect(all(len(value) == 61 for (value,) in sealed), "a sealed secret has an odd length")
    equal(len({value for (value,) in sealed}), len(sealed), "sealed secrets that repeat")


@test
def s_133_commands_do_not_show_what_they_read(stack):
    place = folder()
    key = rsa_key(place / "own.pem")
    pem = key.read_text(encoding="utf-8")
    for words in (["account", "add", "--app", stack.app["id"], "--channel", "alipay", "--set", f"private_key=@{key}", "--set", "app_id=1"],
                  ["account", "add", "--app", "app_nobody", "--channel", "alipay", "--set", f"private_key=@{key}"],
                  ["key", "show", key], ["key", "check", key, key]):
        done = subprocess.run([str(till()), *map(str, words), *(["-c", str(stack.config)] if words[0] == "account" else [])], capture_output=True, timeout=30)
        for part in chunks(pem):
            expect(part.encode() not in done.stdout + done.stderr, f"{words}: the private key is shown")
    tree = subprocess.run(["ps", "-o", "args=", "-p", str(child_of(stack))], capture_output=True, text=True, check=True).stdout
    expect(stack.key["secret"] not in tree, "a secret on the command line")


if __name__ == "__main__":
    main(own_platform_key=True)
