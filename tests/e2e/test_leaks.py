# SPDX-License-Identifier: Apache-2.0
"""Secrets and other people's words on their way out: every file that holds a secret (S-131), every log and every command's text (S-132), every listing,
archive, export, page and message (S-133). test_config.py has the same cases for the daemon's start, its log, its errors and its metrics."""
import hashlib
import hmac
import json
import os
import re
import signal
import subprocess
import time
import urllib.parse

from canaries import CARD, PHONE, canaries, every_flow, found, spellings, token_form
from tap import (Receiver, admin_http, create, deliver, encode, equal, expect, folder, free_port, main, notice, order, raw, request, restart_gateway, settle, signed,
                 test, till, wait_for)

HOSTILE = "x\r\n2026-01-01 INFO paid \x1b[31m\x9b2J \u2028 \"}{\\ \u0085"


def run(*words, text=None, seconds=30, env=None):
    """A command as a person runs it: (exit status, all that it said)."""
    done = subprocess.run([str(till()), *map(str, words)], input=text, capture_output=True, timeout=seconds, check=False, env={**os.environ, **(env or {})})
    return done.returncode, done.stdout + done.stderr


# ---- files with secrets


def ways_to_be_wrong(path):
    """Each way in which a file is not its owner's alone, and the way back."""
    text = path.read_bytes()
    for mode in (0o644, 0o640, 0o602, 0o610):
        path.chmod(mode)
        yield f"mode {mode:o}"
        path.chmod(0o600)
    elsewhere = path.with_suffix(".elsewhere")
    path.rename(elsewhere)
    elsewhere.chmod(0o644)
    path.symlink_to(elsewhere)
    yield "a link to a file of mode 644"
    path.unlink()
    path.mkdir(0o700)
    yield "a directory"
    path.rmdir()
    os.mkfifo(path, 0o600)
    yield "a pipe without a writer"
    path.unlink()
    yield "nothing"
    elsewhere.rename(path)
    path.chmod(0o600)
    equal(path.read_bytes(), text, "the file at the end")


@test
def s_131_no_program_takes_a_secret_from_a_file_that_is_not_its_owners_alone(stack):
    """The shop's two, the daemon's two, and the next master key; each is taken at last, so that it was the file's mode that was refused."""
    place = folder()
    secret, hook, key, certificate = (place / name for name in ("secret", "hook", "tls.key", "tls.crt"))
    secret.write_text(stack.key["secret"], encoding="ascii")
    hook.write_text(stack.app["webhook_secret"], encoding="ascii")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=x"],
                   check=True, capture_output=True)
    for path in (secret, hook, key):
        path.chmod(0o600)
    shop = ["shop", "--listen", f"127.0.0.1:{free_port()}", "--till", f"http://127.0.0.1:{stack.gateway_port}", "--public-url", "http://127.0.0.1:1",
            "--key-id", stack.key["id"], "--secret-file", secret, "--webhook-secret-file", hook, "--journal", place / "journal"]
    run("init", "--dir", place / "fresh", "--public-url", "http://127.0.0.1:1", "--port", free_port(), "--private-port", free_port())
    serve = ["serve", "-c", place / "fresh" / "till.yaml", "--set", f"http.tls_certificate={certificate}", "--set", f"http.tls_key={key}"]
    master = place / "fresh" / "master.key"
    for path, words, name in ((secret, shop, "--secret-file"), (hook, shop, "--webhook-secret-file"), (key, serve, "http.tls_key"),
                              (master, serve, "secrets.master_key_file")):
        value = path.read_text(encoding="ascii").split("\n")[1 if path == key else 0][:40].encode()
        for wrong in ways_to_be_wrong(path):
            status, said = run(*words)
            expect(status not in (0, -signal.SIGKILL) and name.encode() in said, f"{name}, {wrong}: ended with {status}: {said[-600:]}")
            expect(value not in said, f"{name}, {wrong}: the value is shown")
    for words in (shop, serve):
        child = subprocess.Popen([str(till()), *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            first = child.stdout.readline()
            expect(child.poll() is None and first, f"the good neighbour of {words[0]} does not start: {first}")
        finally:
            child.terminate()
            equal(child.wait(30), 0, "its end")


@test
def s_131_a_reload_and_a_check_refuse_it_too_and_the_daemon_goes_on(stack):
    place = folder()
    key, certificate = place / "tls.key", place / "tls.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=x"],
                   check=True, capture_output=True)
    key.chmod(0o644)
    good = stack.config.read_text(encoding="utf-8")
    part = key.read_text(encoding="ascii").split("\n")[1].encode()
    try:
        stack.config.write_text(re.sub(r"^http:\n", f"http:\n  tls_certificate: \"{certificate}\"\n  tls_key: \"{key}\"\n", good, flags=re.M), encoding="utf-8")
        for words in (("config", "check"), ("doctor",), ("reload",)):
            status, said = run(*words, "-c", stack.config, seconds=60)
            expect(status != 0 and b"http.tls_key" in said and part not in said, f"{words}: ended with {status}: {said[-800:]}")
    finally:
        stack.config.write_text(good, encoding="utf-8")
    master = stack.folder / "master.key"
    master.chmod(0o644)
    try:
        for words in (("config", "check"), ("reload",)):
            status, said = run(*words, "-c", stack.config)
            expect(status != 0 and b"secrets.master_key_file" in said, f"{words}: {status}: {said[-800:]}")
            expect(master.read_bytes().strip() not in said, "the master key is shown")
        create(stack)
    finally:
        master.chmod(0o600)


# ---- other people's words


def hostile_about_cards(stack, quoted):
    """Events of stripe, signed and not, and its simulator."""
    cards = stack.provision_stripe()
    secret = cards["settings"]["webhook_secret"].encode()
    for of in ({"id": HOSTILE}, {"type": HOSTILE}, {"object": {"object": "checkout.session", "id": HOSTILE, "client_reference_id": HOSTILE}}):
        event = {"id": "evt_1", "object": "event", "type": "checkout.session.completed", "created": int(time.time()), "livemode": False,
                 "data": {"object": of.pop("object", {"object": "checkout.session", "id": "cs_test_1"})}, **of}
        body, now = json.dumps(event).encode(), str(int(time.time()))
        good = hmac.new(secret, now.encode() + b"." + body, hashlib.sha256).hexdigest()
        for header in (f"t={now},v1={good}", f"t={now},v1={good}x\ty", "x\ty"):
            request(stack.gateway_port, "POST", f"/notify/stripe/{cards['account']['public_id']}", body, {"Content-Type": "application/json", "Stripe-Signature": header})
    for target in ("/v1/checkout/sessions", "/v1/refunds", "/v1/" + quoted, "/v1/charges?charge=" + quoted):
        for key in (cards["settings"]["secret_key"], "x\ty"):
            request(stack.sandbox_port, "POST", target, f"mode={quoted}&{quoted}=x&metadata[{quoted}]={quoted}".encode(),
                    {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Bearer {key}", "Idempotency-Key": "a\tb", "Stripe-Version": "x\ty"})


def hostile_everywhere(stack):
    """Through the sandbox, the shop and the administration, where no flow refuses it first."""
    quoted = urllib.parse.quote(HOSTILE)
    for target in ("/alipay/gateway.do?app_id=" + quoted, "/alipay/gateway.do?method=" + quoted, "/v3/alipay/trade/" + quoted, "/wallet/" + quoted, "/" + quoted):
        for method in ("GET", "POST"):
            request(stack.sandbox_port, method, target, f"app_id={quoted}&biz_content={quoted}".encode(),
                    {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "a\tb", "Authorization": "ALIPAY-SHA256withRSA x\tx"})
        request(stack.shop_port, "GET", target)
        request(stack.shop_port, "POST", target, HOSTILE.encode(), {"webhook-id": "x\ty", "webhook-signature": "v1,\t"})
    request(stack.shop_port, "POST", "/hook", json.dumps({"type": HOSTILE, "data": {"out_trade_no": HOSTILE}}).encode(), {"Content-Type": "application/json"})
    hostile_about_cards(stack, quoted)
    app = admin_http(stack, "POST", "/admin/apps", {"name": HOSTILE, "mode": "test"})
    create(stack, metadata={"note": HOSTILE})
    payment = create(stack)
    for fields in ({"buyer_logon_id": HOSTILE}, {"seller_id": HOSTILE}, {"out_trade_no": HOSTILE}, {"trade_no": HOSTILE, "buyer_id": HOSTILE}):
        deliver(stack, signed(stack, notice(stack, payment, **fields)))
    deliver(stack, encode({**notice(stack, payment), "sign": HOSTILE, "app_id": HOSTILE}))
    raw(stack.gateway_port, b"POST /notify/alipay/x HTTP/1.1\r\nHost: x\r\nX-A: " + HOSTILE.encode() + b"\r\n\r\n", 2)
    return app, payment


LISTINGS = (("app", "list"), ("account", "list"), ("bill", "list"), ("discrepancy", "list"), ("discrepancy", "export"), ("status",), ("secrets", "status"),
            ("config", "show"), ("config", "diff"), ("config", "check"), ("limits",), ("audit", "--all"), ("doctor",))


def listings(stack, payment):
    """What each command says, for people and for programs."""
    own = (*LISTINGS, ("app", "keys", "--app", stack.app["id"]), ("endpoint", "list", "--app", stack.app["id"]), ("query", payment["id"]),
           ("attempt", "list", payment["id"]), *(("discrepancy", "show", row["id"]) for row in stack.admin("discrepancy", "list").get("data", [])[:3]))
    said = {}
    for words in own:
        for extra in ((), ("--json",)):
            said[" ".join((*words, *extra))] = run(*words, "-c", stack.config, *extra, seconds=60)[1]
    return said


def archives(stack):
    log = (stack.folder / "till.log").read_bytes()
    return {"till har": run("har", text=log, seconds=60)[1], "till har --recording": run("har", "--recording", text=log, seconds=60)[1]}


@test
def s_132_no_log_and_no_commands_text_is_steered_by_what_it_shows(stack):
    _, payment = hostile_everywhere(stack)
    restart_gateway(stack, signal.SIGTERM)
    for name in ("till.log", "sandbox.log", "shop.log"):
        lines = [line for line in (stack.folder / name).read_bytes().split(b"\n") if line]
        expect(lines, f"{name} is empty")
        for line in lines:
            expect(not any(byte < 0x20 or byte == 0x7f for byte in line), f"{name}: a raw control byte: {line[:300]}")
            expect(not line.startswith(b"2026-01-01"), f"{name}: a forged line")
            if line.startswith(b"{"):
                expect(isinstance(json.loads(line), dict), line[:200])
    shown = listings(stack, payment)
    files = {**{words: shown.pop(words) for words in list(shown) if words.startswith("discrepancy export")}, **archives(stack)}
    expect(sum(b"2026-01-01 INFO paid" in text for text in shown.values()) >= 2, "no command shows it at all: nothing was tested")
    for words, text in shown.items():
        bad = [byte for byte in set(text) if (byte < 0x20 and byte not in b"\t\n") or byte == 0x7f]
        expect(not bad, lambda words=words, text=text, bad=bad: f"till {words} shows raw control bytes {bad}: {text[max(0, text.find(bytes(bad[:1])) - 80):][:200]}")
        expect(not re.search(rb"^2026-01-01 INFO paid", text, re.M), f"till {words}: a line of its own")
        expect(not re.search("[\x80-\x9f\u2028-\u202e\u2066-\u2069]", text.decode("utf-8", "replace")), f"till {words}: what turns or steers a terminal")
    for words, text in files.items():
        expect(b"\x1b" not in text and b"\0" not in text, f"till {words}: an escape in a file")


# ---- canaries


def knocks(stack, secret):
    """Secrets where nobody should put them, so that refusals have something to tell."""
    names = "&".join(f"{name}={secret}" for name in ("token", "access_token", "client_secret", "secret", "sign", "key", "password", "Authorization"))
    heads = {"query": f"GET /v1/payments?{names} HTTP/1.1\r\nHost: x\r\n", "query of a page": f"GET /docs?{names} HTTP/1.1\r\nHost: x\r\n",
             "two hosts": f"GET /ping HTTP/1.1\r\nHost: {secret}\r\nHost: {secret}\r\n", "host": f"GET /v1/payments HTTP/1.1\r\nHost: {secret}\r\n",
             "length": f"POST /v1/payments HTTP/1.1\r\nHost: x\r\nContent-Length: {secret}\r\n",
             "name": f"GET /v1/payments HTTP/1.1\r\nHost: x\r\n{secret}: x\r\n", "forwarded": f"GET /v1/payments HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {secret}\r\n",
             "bearer": f"GET /v1/payments HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n", "basic": f"GET /v1/payments HTTP/1.1\r\nHost: x\r\nAuthorization: {secret}\r\n",
             "cookie": f"GET /checkout/x HTTP/1.1\r\nHost: x\r\nCookie: {secret}\r\n", "trace": f"GET /ping HTTP/1.1\r\nHost: x\r\ntraceparent: {secret}\r\n",
             "media": f"POST /v1/payments HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Type: {secret}\r\n",
             "key": f"POST /v1/payments HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nIdempotency-Key: {secret}\r\n",
             "return": f"GET /return/alipay/x?{names} HTTP/1.1\r\nHost: x\r\n"}
    return {f"the answer to a secret as {what}": raw(stack.gateway_port, (head + "Connection: close\r\n\r\n").encode(), 5)[0] for what, head in heads.items()}


def knock_signed(stack, secret):
    """The same by a merchant who may: as a member's name, a filter's, a value where none of these belongs. The answers tell him his own words; the log does not."""
    merchant, good, quoted = stack.merchant(), order(), urllib.parse.quote(secret, safe="")
    for body in ({secret: 1}, {**good, secret: 1}, {**good, "extra": {secret: 1}}, {**good, "metadata": {secret: 1}}, {**good, "channel": secret}, {**good, "product": secret},
                 {**good, "currency": secret}, {**good, "account": secret}, {**good, "out_trade_no": secret + "/"}, {**good, "return_url": "http://evil.example/" + secret}):
        expect(merchant.call("POST", "/v1/payments", body).status >= 400, f"taken: {sorted(body)}")
    for target in (f"/v1/payments?{quoted}=1", f"/v1/payments?state={quoted}", f"/v1/payments?cursor={quoted}", f"/v1/payments/{quoted}", f"/v1/{quoted}"):
        expect(merchant.call("GET", target).status >= 400, f"taken: {target[:20]}")
    for document, headers in (({"a": 1}, {"Idempotency-Key": secret}), ({"url": f"http://127.0.0.1/{quoted}"}, {}), ({"url": secret}, {})):
        expect(merchant.call("POST", "/v1/webhook-endpoints", document, headers).status >= 400, f"taken: {sorted(document)}")
    basic = (stack.client["id"], stack.client["secret"])
    for form in ({"grant_type": secret}, {"grant_type": "client_credentials", "scope": secret}, {"grant_type": "x", secret: "x"}):
        expect(token_form(stack, basic=basic, **form).status >= 400, f"taken: {sorted(form)}")


def page_of(stack, payment):
    return request(stack.gateway_port, "GET", urllib.parse.urlsplit(payment["cashier_url"]).path).body


def told(stack, receiver):
    """The messages to merchants as they went out, and what buyers are shown."""
    payment = create(stack, metadata={"phone": PHONE})
    page = page_of(stack, payment)
    back = request(stack.gateway_port, "GET", f"/return/alipay/{stack.account['public_id']}?out_trade_no={payment['upstream_no']}&buyer_id={CARD}").body
    heads = b"\n".join(json.dumps(message["headers"]).encode() for message in receiver.messages)
    return payment, {"the cashier's page": page, "the return page": back, "heads of webhooks": heads}


@test
def s_133_no_canary_leaves_by_listings_archives_exports_pages_or_refusals(stack):
    stack.overrides["log.debug"] = "true"
    with Receiver() as receiver:
        stack.overrides["outbound.permit"] = f"127.0.0.1:{stack.sandbox_port} 127.0.0.1:{receiver.port}"
        restart_gateway(stack, signal.SIGTERM)
        endpoint = stack.merchant().call("POST", "/v1/webhook-endpoints", {"url": receiver.url}).json()
        secret = canaries(stack, endpoint)
        places = {"errors": every_flow(stack, receiver)}
        for name in ("request secret", "webhook secret", "master key", "client's secret", "access token", "stripe's secret key"):
            places.update({f"{where}, {name}": text for where, text in knocks(stack, secret[name]).items()})
            knock_signed(stack, secret[name])
        wait_for(lambda: len(receiver.messages) >= 2, "webhooks")
        rotated = stack.admin("app", "rotate-webhook", stack.app["id"])
        payment, shown = told(stack, receiver)
        places.update(shown)
        stack.admin("endpoint", "disable", endpoint["id"])
    secret["the rotated webhook secret"] = json.dumps(rotated).split("whsec_")[1].split('"')[0]
    places.update(listings(stack, payment))
    places.update(archives(stack))
    places["the metrics"] = request(stack.private_port, "GET", "/metrics").body
    places["the log"] = b"".join(path.read_bytes() for path in stack.folder.glob("till.log*"))
    for name in ("/docs", "/openapi.yaml", "/v1/payments", "/ready", "/health"):
        places[name] = request(stack.gateway_port, "GET", name).body
    expect(b'"entries"' in places["till har"] and len(places["till har"]) > 10000, f"an empty archive: {places['till har'][:300]}")
    expect(payment["id"].encode() in places[f"query {payment['id']}"], "a listing that shows nothing")
    # Where payments are shown to whom they belong their metadata stands, the merchant's own words.
    own = ("query", "the answer to a secret as bearer, access token")
    shown = [row for row in found(secret, places) if not (row[0].startswith("buyer") and row[1].startswith(own))]
    expect(not shown, f"{len(shown)} are shown: {shown[:3]}")
    stack.overrides["log.debug"] = "false"
    del stack.overrides["outbound.permit"]
    restart_gateway(stack, signal.SIGTERM)


@test
def s_133_what_is_planted_is_found_wherever_it_is_looked_for(stack):
    """Neither a search that finds nothing nor a place that is empty passes for clean: a word that is no secret goes where secrets must not, and is found."""
    word = "planted0" + os.urandom(12).hex()
    stack.overrides["log.debug"] = "true"
    with Receiver() as receiver:
        stack.overrides["outbound.permit"] = f"127.0.0.1:{stack.sandbox_port} 127.0.0.1:{receiver.port}"
        restart_gateway(stack, signal.SIGTERM)
        endpoint = stack.merchant().call("POST", "/v1/webhook-endpoints", {"url": receiver.url + "?" + word}).json()
        app = stack.admin("app", "add", "--name", word, "--mode", "test")
        payment = settle(stack, create(stack, subject=word, out_trade_no=word))
        wait_for(lambda: receiver.messages, "a webhook")
        refused = stack.merchant().call("POST", "/v1/payments", {word: 1})
        places = {"a webhook": receiver.messages[0]["body"], "an error": refused.body, "the cashier's page": page_of(stack, payment),
                  "the log with exchanges": b"".join(path.read_bytes() for path in stack.folder.glob("till.log*")), **archives(stack)}
        stack.admin("endpoint", "disable", endpoint["id"])
    for words in (("app", "list"), ("endpoint", "list", "--app", stack.app["id"]), ("query", payment["id"], "--json")):
        places[" ".join(words)] = run(*words, "-c", stack.config)[1]
    places.update({name: (stack.folder / name).read_bytes() for name in ("till.db", "till.db-wal")})
    missed = places.keys() - {where for _, where, _ in found({"the word": word}, places)}
    # SQLite moves what is new from the second file into the first: one of them has it.
    expect(missed <= {"till.db", "till.db-wal"} and len(missed) < 2, f"not found in {sorted(missed)}")
    for spelling in spellings(word + "+/="):
        equal([name for name, _, _ in found({"it": word + "+/="}, {"a place": b"before " + spelling + b" after"})], ["it"], "found as it is written elsewhere")
    equal(found({"it": word}, {"a place": word[:-1].encode()}), [], "a part of it")
    expect(app["name"] == word, app)
    stack.overrides["log.debug"] = "false"
    del stack.overrides["outbound.permit"]
    restart_gateway(stack, signal.SIGTERM)


if __name__ == "__main__":
    main(own_platform_key=True, shop=True)
