# SPDX-License-Identifier: Apache-2.0
"""Who may ask, with RSA and Ed25519: security cases S-001 to S-011 and S-013 once more; each refusal beside the request that passes."""
import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import subprocess
import tempfile
import time
from pathlib import Path

from keyed import ALGORITHMS, KINDS, SCHEMES, KeyedMerchant, keyed, make_pair, openssl
from tap import (admin_http, equal, expect, head, is_problem, main, number, order, raw, request, restart_gateway, rows, second_merchant,
                 started, statuses, test, till)


def post(stack, body, authorization, target="/v1/payments"):
    headers = {"Content-Type": "application/json", "Host": f"127.0.0.1:{stack.gateway_port}", "Authorization": authorization}
    return request(stack.gateway_port, "POST", target, body, headers)


def order_bytes(**fields):
    return json.dumps(order(**fields)).encode()


def seen(stack):
    return rows(stack, "SELECT count(*) FROM payments")[0][0], len(stack.control("GET", "/exchanges")["exchanges"])


def refused(stack, answer, before, code="unauthorized"):
    document = is_problem(answer, 401, code)
    equal(seen(stack), before, "payments and upstream calls after a refusal")
    document.pop("request_id")
    return document


def setup():
    stack = started(payments__ask_after="1h")  # or the sweep's questions are counted as calls of what was refused
    stack.merchants = {kind: keyed(stack, kind)[0] for kind in KINDS}
    return stack


def each(function):
    """The test once for each kind of key."""
    def run(stack):
        for kind in KINDS:
            function(stack, stack.merchants[kind], kind)
    run.__name__ = function.__name__
    return test(run)


@each
def a_key_of_ones_own_signs_orders_reads_and_refunds(stack, merchant, kind):
    made = merchant.call("POST", "/v1/payments", order())
    equal(made.status, 201, f"{kind}: {made}")
    equal(merchant.call("GET", f"/v1/payments/{made.json()['id']}").status, 200, "read")
    equal(merchant.call("GET", "/v1/payments?limit=1").status, 200, "list")
    equal(merchant.call("POST", f"/v1/payments/{made.json()['id']}/close").status in (200, 202), True, "close")


@test
def the_manuals_example_signs_with_the_openssl_command_line(stack):
    manual = (Path(__file__).resolve().parents[2] / "doc" / "API.md").read_text()
    example = next(block for block in re.findall(r"```sh\n(.*?)```", manual, re.S) if "ed25519_private_key.pem" in block)
    example = example.replace("127.0.0.1:8080", f"127.0.0.1:{stack.gateway_port}")
    with tempfile.TemporaryDirectory(dir=stack.folder) as folder:
        for kind in KINDS:
            (Path(folder) / f"{kind}_private_key.pem").write_bytes(stack.merchants[kind].private.read_bytes())
        for kind in KINDS:
            body, now, nonce = order_bytes(), int(time.time()), secrets.token_hex(16)
            known = {**os.environ, "now": str(now), "nonce": nonce, "digest": hashlib.sha256(body).hexdigest()}
            done = subprocess.run(["bash", "-euc", example + f'printf %s "${kind}"'], cwd=folder, env=known, capture_output=True, text=True)
            equal(done.returncode, 0, done.stderr)
            authorization = stack.merchants[kind].authorization("POST", "/v1/payments", body, now, nonce, signature=done.stdout)
            equal(post(stack, body, authorization).status, 201, f"{kind}: signed by the manual's example")


@test
def the_list_shows_algorithm_and_fingerprint_and_no_key(stack):
    merchant, made = keyed(stack, "rsa", bits=3072)
    equal(made["algorithm"], "rsa-sha256", "algorithm")
    expect("secret" not in made, "a public key has no secret")
    der = openssl("pkey", "-in", merchant.private, "-pubout", "-outform", "DER")
    equal(made["fingerprint"], hashlib.sha256(der).hexdigest(), "fingerprint")
    listed = {row["id"]: row for row in stack.admin("app", "keys", "--app", stack.app["id"])["data"]}
    equal(listed[made["id"]]["fingerprint"], made["fingerprint"], "in the list")
    equal({listed[stack.merchants[kind].key_id]["algorithm"] for kind in KINDS}, set(ALGORITHMS.values()), "algorithms")
    expect(base64.b64encode(der).decode()[40:80] not in json.dumps(listed), "the list shows a key")
    equal(merchant.call("GET", "/v1/payments?limit=1").status, 200, "3072 bits")


@test
def a_bare_base64_line_is_taken_as_the_platforms_tools_print_it(stack):
    for kind in KINDS:
        private, _ = make_pair(stack.folder, kind)
        line = base64.b64encode(openssl("pkey", "-in", private, "-pubout", "-outform", "DER")).decode()
        made = admin_http(stack, "POST", "/admin/keys", {"app_id": stack.app["id"], "public_key": line})
        equal(made.status, 201, made)
        equal(KeyedMerchant(stack.gateway_port, made.json()["id"], kind, private).call("GET", "/v1/payments?limit=1").status, 200, kind)


@test
def s_001_weak_strange_and_private_keys_are_refused_and_leave_no_trace(stack):
    before = rows(stack, "SELECT count(*) FROM keys")
    private, _ = make_pair(stack.folder, "rsa")
    _, small = make_pair(stack.folder, "rsa", 1024)
    secret = re.sub(r"-----[^\n]*|\n", "", private.read_text())
    cases = [(private.read_text(), "key_invalid", "private key"), (secret, "key_invalid", "private key"),
             (small.read_text(), "key_weak", "1024 bits"), ("", "key_weak", ""), ("hello", "key_invalid", ""), (7, "field_invalid", "")]
    for text, code, says in cases:
        answer = admin_http(stack, "POST", "/admin/keys", {"app_id": stack.app["id"], "public_key": text})
        document = is_problem(answer, 400, code)
        expect(says in document["detail"], document)
        equal(document["errors"][0]["pointer"], "#/public_key", "field")
    for path in (private, small):
        said = subprocess.run([str(till()), "app", "key", "--socket", "/nowhere", "--app", stack.app["id"], "--public-key", str(path)],
                              capture_output=True, text=True)
        expect(said.returncode != 0 and "--public-key" in said.stderr and secret[100:160] not in said.stdout + said.stderr, said)
    equal(rows(stack, "SELECT count(*) FROM keys"), before, "keys")
    for file in (stack.gateway.log, stack.folder / "till.db", stack.folder / "till.db-wal"):
        expect(secret[100:160].encode() not in file.read_bytes() if file.exists() else True, f"{file} holds a private key")


@test
def a_public_key_is_taken_once_in_a_lifetime(stack):
    other, _, _ = second_merchant(stack, "Same key")
    private, public = make_pair(stack.folder, "ed25519")
    made = stack.admin("app", "key", "--app", stack.app["id"], "--public-key", str(public))
    for app in (stack.app["id"], other["id"]):
        is_problem(admin_http(stack, "POST", "/admin/keys", {"app_id": app, "public_key": public.read_text()}), 409, "already_exists")
    stack.admin("app", "revoke", made["id"])
    is_problem(admin_http(stack, "POST", "/admin/keys", {"app_id": stack.app["id"], "public_key": public.read_text()}), 409, "already_exists")


@each
def s_002_all_refusals_read_the_same(stack, merchant, kind):
    before, body = seen(stack), order_bytes()
    _, foreign = keyed(stack, kind, second_merchant(stack, f"Stranger {kind}")[0])
    stranger, _ = make_pair(stack.folder, kind)
    wrong = KeyedMerchant(stack.gateway_port, merchant.key_id, kind, stranger)
    unknown = KeyedMerchant(stack.gateway_port, "key_of_nobody", kind, merchant.private)
    others = KeyedMerchant(stack.gateway_port, foreign["id"], kind, merchant.private)
    revoked, made = keyed(stack, kind)
    stack.admin("app", "revoke", made["id"])
    answers = [post(stack, body, m.authorization("POST", "/v1/payments", body)) for m in (wrong, unknown, others, revoked)]
    documents = [refused(stack, answer, before) for answer in answers]
    expect(all(document == documents[0] for document in documents), f"the refusals differ: {documents}")
    expect(all(set(answer.headers) == set(answers[0].headers) for answer in answers), "the headers differ")


@each
def s_003_a_signature_cut_short_is_refused(stack, merchant, kind):
    body = order_bytes()
    good = merchant.authorization("POST", "/v1/payments", body)
    text, _, signature = good.rpartition(",signature=")
    before = seen(stack)
    for cut in (signature[:-4], signature[:-1], signature[:64], signature[4:], "", signature + "AAAA", signature + "="):
        refused(stack, post(stack, body, f"{text},signature={cut}"), before)
    equal(post(stack, body, good).status, 201, "the whole signature")


@each
def s_004_the_window_ends_at_300_seconds(stack, merchant, kind):
    before, now = seen(stack), int(time.time())
    refused(stack, merchant.call("POST", "/v1/payments", order(), timestamp=now - 302), before, "timestamp_outside_window")
    refused(stack, merchant.call("POST", "/v1/payments", order(), timestamp=now + 330), before, "timestamp_outside_window")
    equal(merchant.call("POST", "/v1/payments", order(), timestamp=now - 270).status, 201, "within")


@each
def s_005_a_replay_has_no_second_effect_also_after_a_restart(stack, merchant, kind):
    body = order_bytes()
    authorization = merchant.authorization("POST", "/v1/payments", body)
    equal(post(stack, body, authorization).status, 201, "the first")
    before = seen(stack)
    refused(stack, post(stack, body, authorization), before, "nonce_used")
    if kind == "rsa":
        restart_gateway(stack)  # whose first round may ask the platform after older orders
        is_problem(post(stack, body, authorization), 401, "nonce_used")
        equal(seen(stack)[0], before[0], "payments after the restart")
    headers = {"Authorization": merchant.authorization("GET", "/v1/payments?limit=1", b""), "Host": merchant.host}
    equal(request(stack.gateway_port, "GET", "/v1/payments?limit=1", headers=headers).status, 200, "a read")
    is_problem(request(stack.gateway_port, "GET", "/v1/payments?limit=1", headers=headers), 401, "nonce_used")


@each
def s_006_one_changed_byte_of_the_body_is_refused(stack, merchant, kind):
    body, before = order_bytes(amount=100), seen(stack)
    for changed in (body.replace(b"100", b"900"), body + b" ", b""):
        refused(stack, post(stack, changed, merchant.authorization("POST", "/v1/payments", body)), before)
    equal(post(stack, body, merchant.authorization("POST", "/v1/payments", body)).status, 201, "unchanged")


@each
def s_007_query_host_and_method_are_part_of_what_is_signed(stack, merchant, kind):
    body, before = order_bytes(), seen(stack)
    refused(stack, post(stack, body, merchant.authorization("POST", "/v1/payments", body), "/v1/payments?amount=1"), before)
    refused(stack, post(stack, body, merchant.authorization("PUT", "/v1/payments", body)), before)
    elsewhere = KeyedMerchant(stack.gateway_port, merchant.key_id, kind, merchant.private)
    elsewhere.host = "till.example"
    refused(stack, post(stack, body, elsewhere.authorization("POST", "/v1/payments", body)), before)
    equal(post(stack, body, merchant.authorization("POST", "/v1/payments", body)).status, 201, "as signed")


@each
def s_008_a_path_is_verified_and_routed_over_the_same_bytes(stack, merchant, kind):
    body, before = order_bytes(), seen(stack)
    for target in ("/v1/%70ayments", "/v1//payments", "/v1/payments/"):
        answer = post(stack, body, merchant.authorization("POST", target, body), target)
        expect(answer.status in (400, 404), f"{target}: {answer}")
    equal(seen(stack), before, "effects")


@each
def s_009_what_belongs_to_another_app_is_not_there(stack, merchant, kind):
    stranger, _ = keyed(stack, kind, second_merchant(stack, f"Nosy {kind}")[0])
    made = merchant.call("POST", "/v1/payments", order()).json()
    is_problem(stranger.call("GET", f"/v1/payments/{made['id']}"), 404, "not_found")
    is_problem(stranger.call("POST", f"/v1/payments/{made['id']}/refunds", {"amount": 1, "out_refund_no": number("R")}), 404, "not_found")


@each
def s_010_the_algorithm_comes_from_the_key_record(stack, merchant, kind):
    body, before = order_bytes(), seen(stack)
    now, nonce = int(time.time()), secrets.token_hex(16)
    text = merchant.text("POST", "/v1/payments", body, now, nonce).encode()
    signature = merchant.authorization("POST", "/v1/payments", body, now, nonce).rpartition("signature=")[2]
    public = openssl("pkey", "-in", merchant.private, "-pubout")
    line = re.sub(rb"-----[^\n]*|\n", b"", public)
    fields = f"key={merchant.key_id},timestamp={now},nonce={nonce}"
    attempts = [f"{scheme} {fields},signature={signature}" for scheme in (*SCHEMES.values(), "TILL-HMAC-SHA256", "none", "TILL-NONE")
                if scheme != SCHEMES[kind]]
    for secret in (public, line, base64.b64decode(line), b"", b"\0" * 32):  # the public key taken for a secret
        attempts.append(f"TILL-HMAC-SHA256 {fields},signature={hmac.new(secret, text, hashlib.sha256).hexdigest()}")
    attempts += [f"{SCHEMES[kind]} algorithm=none,{fields},signature={signature}", f"{SCHEMES[kind]} {fields},signature="]
    for authorization in attempts:
        refused(stack, post(stack, body, authorization), before)
    # nor does a key with a secret take a signature that its owner made with a pair
    with_secret = KeyedMerchant(stack.gateway_port, stack.key["id"], kind, merchant.private)
    refused(stack, post(stack, body, with_secret.authorization("POST", "/v1/payments", body)), before)
    equal(post(stack, body, f"{SCHEMES[kind]} {fields},signature={signature}").status, 201, "the key's own algorithm")


@test
def s_010_sha1_is_no_sha256(stack):
    merchant, body, before = stack.merchants["rsa"], order_bytes(), seen(stack)
    now, nonce = int(time.time()), secrets.token_hex(16)
    text = merchant.text("POST", "/v1/payments", body, now, nonce).encode()
    for digest in ("-sha1", "-md5", "-sha512"):
        signature = base64.b64encode(openssl("dgst", digest, "-sign", merchant.private, data=text)).decode()
        refused(stack, post(stack, body, merchant.authorization("POST", "/v1/payments", body, now, nonce, signature=signature)), before)
    pss = openssl("dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sign", merchant.private, data=text)
    refused(stack, post(stack, body, merchant.authorization("POST", "/v1/payments", body, now, nonce, signature=base64.b64encode(pss).decode())),
            before)


@test
def s_011_two_authorization_headers_are_refused(stack):
    body, before = order_bytes(), seen(stack)
    pairs = [("rsa", "ed25519"), ("ed25519", "rsa"), ("rsa", "rsa")]
    for kinds in pairs:
        headers = [("Host", f"127.0.0.1:{stack.gateway_port}"), ("Content-Type", "application/json"), ("Content-Length", len(body))]
        headers += [("Authorization", stack.merchants[kind].authorization("POST", "/v1/payments", body)) for kind in kinds]
        data, _ = raw(stack.gateway_port, head("POST", "/v1/payments", headers + [("Connection", "close")]) + body)
        equal(statuses(data), [400], "answer to two Authorization headers")
    equal(seen(stack), before, "effects")


# Where a signature meets what it should be: file, function, and what compares there.
COMPARES = (("lib/crypto/signing.c", "till_signing_verify", "till_equal_constant_time"), ("lib/crypto/webhook.c", "any_matches", "till_equal_constant_time"),
            ("lib/crypto/digest.c", "till_equal_constant_time", "CRYPTO_memcmp"))
HASTY = re.compile(r"(?<!CRYPTO_)\b(memcmp|bcmp|strn?cmp|till_str_equal\w*|till_str_is)\(|==\s*\*|\[i\]\s*[!=]=")


def compares_hastily(text, function, by):
    """The function's body compares by something that stops at the first difference, or not by what it should."""
    body = re.search(rf"^(?:static )?bool {function}\(.*?^}}", text, re.M | re.S).group(0)
    body = body[body.index("{"):]
    return bool(HASTY.search(body)) or f"{by}(" not in body


@test
def s_014_signatures_are_compared_in_constant_time(stack):
    root = Path(__file__).resolve().parents[2]
    for file, function, by in COMPARES:
        text = (root / file).read_text()
        expect(not compares_hastily(text, function, by), f"{function} in {file} does not compare in constant time")
        for worse in ("memcmp", "strncmp", "till_str_equal"):  # and the check sees it when it is not so
            expect(compares_hastily(text.replace(f"{by}(", f"{worse}("), function, by), f"{worse} in {function} was not seen")


@each
def s_013_a_key_that_is_revoked_or_has_ended_is_dead_at_once(stack, merchant, kind):
    app, _, _ = second_merchant(stack, f"Short lived {kind}")
    first, made = keyed(stack, kind, app)
    equal(first.call("GET", "/v1/payments").status, 200, "alive")
    private, public = make_pair(stack.folder, kind)
    said = stack.admin("app", "rotate", "--app", app["id"], "--key", made["id"], "--public-key", str(public), "--overlap", "1h")
    second = KeyedMerchant(stack.gateway_port, said["id"], kind, private)
    equal([m.call("GET", "/v1/payments").status for m in (first, second)], [200, 200], "two keys alive")
    stack.admin("app", "end", made["id"], "--in", "0s")
    is_problem(first.call("GET", "/v1/payments"), 401, "unauthorized")
    equal(second.call("GET", "/v1/payments").status, 200, "the new one")
    stack.admin("app", "revoke", said["id"])
    is_problem(second.call("GET", "/v1/payments"), 401, "unauthorized")


if __name__ == "__main__":
    main(setup)
