# SPDX-License-Identifier: Apache-2.0
"""The sandbox's certificate mode, encryption and v3 interface, met with the openssl command line and Python alone.

Serial numbers, strings to sign, chains and ciphers are rebuilt here from the protocol's description (2.1, 2.4, 2.5, 11);
nothing of till takes part in the checks."""
import base64
import functools
import hashlib
import json
import re
import subprocess
import time
import uuid

from tap import beijing, encode, equal, expect, main, new_stack, openssl_sign, request, rsa_key, test

FORM = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}
AES = "AAECAwQFBgcICQoLDA0ODw=="


def openssl(*words, text=b""):
    done = subprocess.run(["openssl", *map(str, words)], input=text, capture_output=True, check=False)
    expect(done.returncode == 0, lambda: f"openssl {words}: {done.stderr.decode()}")
    return done.stdout


def setup():
    stack = new_stack()
    stack.start_sandbox()
    stack.key = rsa_key(stack.folder / "app.pem")
    public = openssl("pkey", "-in", stack.key, "-pubout").decode()
    stack.made = stack.control("POST", "/apps", {"public_key": public, "certificate_mode": True, "aes_key": AES})
    return stack


def pems(text):
    return [part + "\n" for part in re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.S)]


@functools.lru_cache
def number_of(pem):
    """MD5 of issuer and decimal serial, from what openssl prints."""
    told = openssl("x509", "-noout", "-issuer", "-serial", "-nameopt", "RFC2253", text=pem.encode()).decode()
    issuer = re.search(r"issuer= ?(.*)", told).group(1)
    serial = int(re.search(r"serial=([0-9A-F]+)", told).group(1), 16)
    return hashlib.md5((issuer + str(serial)).encode()).hexdigest()


@functools.lru_cache
def root_number(bundle):
    kept = []
    for pem in pems(bundle):
        shown = openssl("x509", "-noout", "-text", text=pem.encode()).decode()
        if "WithRSAEncryption" in re.search(r"Signature Algorithm: (\S+)", shown).group(1):
            kept.append(number_of(pem))
    return "_".join(kept)


def verify(stack, pem, text, signature):
    key, sign = stack.folder / "platform.pub", stack.folder / "sign.bin"
    key.write_bytes(openssl("x509", "-noout", "-pubkey", text=pem.encode()))
    sign.write_bytes(base64.b64decode(signature))
    done = subprocess.run(["openssl", "dgst", "-sha256", "-verify", str(key), "-signature", str(sign)], input=text,
                          capture_output=True, check=False)
    return done.returncode == 0


def crypt(text, *direction):
    return openssl("enc", "-aes-128-cbc", *direction, "-a", "-A", "-K", base64.b64decode(AES).hex(), "-iv", "0" * 32, text=text)


def call(stack, method, biz, **extra):
    """gateway.do; the answer's node as bytes, then its other members."""
    made = stack.made
    pairs = {"app_id": made["app_id"], "method": method, "charset": "utf-8", "sign_type": "RSA2", "version": "1.0",
             "timestamp": beijing(), "app_cert_sn": number_of(pems(made["app_cert"])[0]),
             "alipay_root_cert_sn": root_number(made["root_cert"]), "biz_content": biz, **extra}
    pairs = {name: value for name, value in pairs.items() if value}
    text = "&".join(f"{name}={pairs[name]}" for name in sorted(pairs))
    pairs["sign"] = openssl_sign(stack.key, text.encode())
    answer = request(stack.sandbox_port, "POST", "/alipay/gateway.do?charset=utf-8", encode(pairs), FORM)
    equal(answer.status, 200, "status")
    form = rb'\{"\w+_response":(.*?)(?:,"alipay_cert_sn":"([0-9a-f]{32})")?,"sign":"([A-Za-z0-9+/=]+)"\}'
    found = re.fullmatch(form, answer.body, re.S)
    expect(found, answer.body)
    return found.group(1), (found.group(2) or b"").decode(), found.group(3).decode()


def call_v3(stack, verb, target, body="", headers=None, signed=None):
    made = stack.made
    own = number_of(pems(made["app_cert"])[0])
    auth = f"app_id={made['app_id']},app_cert_sn={own},nonce={uuid.uuid4()},timestamp={int(time.time() * 1000)}"
    sign = openssl_sign(stack.key, f"{auth}\n{verb}\n{target}\n{body if signed is None else signed}\n".encode())
    return request(stack.sandbox_port, verb, target, body.encode() if body else None, {
        "authorization": f"ALIPAY-SHA256withRSA {auth},sign={sign}", "content-type": "application/json",
        "alipay-root-cert-sn": root_number(made["root_cert"]), **(headers or {})})


def v3_verifies(stack, answer):
    text = f"{answer.headers['alipay-timestamp']}\n{answer.headers['alipay-nonce']}\n".encode() + answer.body + b"\n"
    return verify(stack, stack.made["platform_cert"], text, answer.headers["alipay-signature"])


def order(number):
    return json.dumps({"out_trade_no": number, "total_amount": "9.90", "subject": "咖啡 / coffee"}, ensure_ascii=False)


@test
def openssl_reads_the_bundle_and_both_chains_lead_to_it(stack):
    made = stack.made
    roots = pems(made["root_cert"])
    equal(len(roots), 4, "roots")
    shown = [openssl("x509", "-noout", "-text", text=pem.encode()).decode() for pem in roots]
    for text, algorithm in zip(shown, ("SM2", "sha256WithRSA", "ecdsa-with-SHA256", "sha1WithRSA")):
        expect(algorithm in text, f"{algorithm} is not in {text[:400]}")
        expect("Authority Key Identifier" not in text, "an empty name for an issuer's key")
        expect("CA:TRUE" in text and " test" in text, text[:400])
    (stack.folder / "roots.pem").write_text(roots[1], encoding="ascii")
    for name in ("app_cert", "platform_cert"):
        leaf, middle = pems(made[name])
        (stack.folder / "middle.pem").write_text(middle, encoding="ascii")
        (stack.folder / "leaf.pem").write_text(leaf, encoding="ascii")
        told = openssl("verify", "-x509_strict", "-CAfile", stack.folder / "roots.pem", "-untrusted",
                       stack.folder / "middle.pem", stack.folder / "leaf.pem").decode()
        expect("OK" in told, told)
    equal(number_of(pems(made["app_cert"])[0]), made["app_cert_sn"], "app_cert_sn")
    equal(number_of(pems(made["platform_cert"])[0]), made["platform_cert_sn"], "alipay_cert_sn")
    equal(root_number(made["root_cert"]), made["root_cert_sn"], "alipay_root_cert_sn")
    own = openssl("x509", "-noout", "-pubkey", text=made["app_cert"].encode())
    equal(own, openssl("pkey", "-in", stack.key, "-pubout"), "the key in the app's certificate")


@test
def a_call_in_certificate_mode_is_answered_under_the_named_certificate(stack):
    node, number, sign = call(stack, "alipay.trade.precreate", order("C1"))
    equal(json.loads(node)["code"], "10000", "code")
    equal(number, stack.made["platform_cert_sn"], "alipay_cert_sn")
    expect(verify(stack, stack.made["platform_cert"], node, sign), "the node under the platform's certificate")
    expect(not verify(stack, stack.made["platform_cert"], node.replace(b"C1", b"C2"), sign), "a changed node")
    node, number, sign = call(stack, "alipay.trade.query", '{"out_trade_no":"C1"}', app_cert_sn="0" * 32)
    equal(json.loads(node)["sub_code"], "isv.app-cert-not-exist", "sub_code")
    expect(verify(stack, stack.made["platform_cert"], node, sign), "a refusal is signed, too")


@test
def an_encrypted_call_is_answered_with_a_quoted_cipher_that_is_signed_with_its_quotes(stack):
    cipher = crypt(order("C2").encode()).decode()
    node, _, sign = call(stack, "alipay.trade.precreate", cipher, encrypt_type="AES")
    expect(node.startswith(b'"') and node.endswith(b'"') and b"\\" not in node, node)
    expect(verify(stack, stack.made["platform_cert"], node, sign), "the node with its quotes")
    plain = json.loads(crypt(node.strip(b'"'), "-d"))
    equal((plain["code"], plain["out_trade_no"]), ("10000", "C2"), "the opened node")
    node, _, sign = call(stack, "alipay.trade.query", cipher[:-4], encrypt_type="AES")
    equal(json.loads(node)["sub_code"], "isv.invalid-encrypt", "a cut cipher is refused in clear")


@test
def v3_is_answered_under_the_same_certificate(stack):
    answer = call_v3(stack, "POST", "/v3/alipay/trade/precreate", order("C3"))
    equal(answer.status, 200, answer.body)
    equal(sorted(json.loads(answer.body)), ["out_trade_no", "qr_code"], "members")
    equal(answer.headers["alipay-sn"], stack.made["platform_cert_sn"], "alipay-sn")
    expect(v3_verifies(stack, answer), "signature")
    stack.control("POST", "/trades/C3/pay", {})
    answer = call_v3(stack, "GET", "/alipay/v3/alipay/trade/query?out_trade_no=C3")
    equal(json.loads(answer.body)["trade_status"], "TRADE_SUCCESS", "status of the trade")
    answer = call_v3(stack, "POST", "/v3/alipay/trade/close", '{"out_trade_no":"C3"}')
    found = json.loads(answer.body)
    equal((answer.status, found["code"], sorted(found)), (400, "ACQ.TRADE_STATUS_ERROR", ["code", "links", "message"]), "error")
    answer = call_v3(stack, "POST", "/v3/alipay/trade/close", '{"out_trade_no":"C3"}', signed='{"out_trade_no":"C4"}')
    equal(json.loads(answer.body)["code"], "invalid-signature", "another body")
    cipher = crypt(order("C5").encode()).decode()
    answer = call_v3(stack, "POST", "/v3/alipay/trade/precreate", cipher,
                     {"content-type": "text/plain", "alipay-encrypt-type": "AES"})
    expect(v3_verifies(stack, answer), "signature over the cipher")
    equal(json.loads(crypt(answer.body, "-d"))["out_trade_no"], "C5", "the opened body")


@test
def after_a_rotation_the_unknown_number_can_be_downloaded_and_chains(stack):
    former = stack.made
    stack.control("POST", f"/apps/{former['app_id']}/rotate-platform-certificate", {})
    node, number, sign = call(stack, "alipay.trade.query", '{"out_trade_no":"C1"}')
    expect(number != former["platform_cert_sn"], "the number did not change")
    expect(not verify(stack, former["platform_cert"], node, sign), "it still verifies under the former certificate")
    content, _, _ = call(stack, "alipay.open.app.alipaycert.download", json.dumps({"alipay_cert_sn": number}))
    pem = base64.b64decode(json.loads(content)["alipay_cert_content"]).decode()
    equal(number_of(pems(pem)[0]), number, "number of what was downloaded")
    expect(verify(stack, pem, node, sign), "the answer under the downloaded certificate")
    old, _, _ = call(stack, "alipay.open.app.alipaycert.download", json.dumps({"alipay_cert_sn": former["platform_cert_sn"]}))
    equal(base64.b64decode(json.loads(old)["alipay_cert_content"]).decode(), former["platform_cert"], "the former one")


main(setup)
