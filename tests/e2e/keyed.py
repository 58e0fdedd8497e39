# SPDX-License-Identifier: Apache-2.0
"""Merchants that sign with a pair of their own; the private half stays in a file, the signature is the openssl command line's."""
import base64
import hashlib
import secrets
import subprocess
import time
from pathlib import Path

from tap import expect
from stack import Merchant

SCHEMES = {"rsa": "TILL-RSA-SHA256", "ed25519": "TILL-ED25519"}
ALGORITHMS = {"rsa": "rsa-sha256", "ed25519": "ed25519"}
KINDS = tuple(SCHEMES)


def openssl(*arguments, data=None):
    done = subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True)
    expect(done.returncode == 0, f"openssl {arguments[0]}: {done.stderr[-300:]}")
    return done.stdout


def make_pair(folder, kind, bits=2048):
    """Files of both halves: PKCS#8 and SubjectPublicKeyInfo, PEM."""
    private = Path(folder) / f"{kind}-{secrets.token_hex(4)}.pem"
    public = private.with_suffix(".pub.pem")
    how = ["-algorithm", "ed25519"] if kind == "ed25519" else ["-algorithm", "rsa", "-pkeyopt", f"rsa_keygen_bits:{bits}"]
    openssl("genpkey", *how, "-out", private)
    openssl("pkey", "-in", private, "-pubout", "-out", public)
    return private, public


def sign(kind, private, text):
    if kind == "rsa":
        return base64.b64encode(openssl("dgst", "-sha256", "-sign", private, data=text)).decode()
    file = private.with_suffix(f".{secrets.token_hex(4)}.text")  # Ed25519 wants to know its length before
    file.write_bytes(text)
    try:
        return base64.b64encode(openssl("pkeyutl", "-sign", "-rawin", "-inkey", private, "-in", file)).decode()
    finally:
        file.unlink()


class KeyedMerchant(Merchant):
    """The same requests as Merchant, under a private key."""

    def __init__(self, port, key_id, kind, private):
        super().__init__(port, key_id, None)
        self.kind, self.private = kind, private

    def text(self, method, target, body, timestamp, nonce):
        return "\n".join([method, self.host, target, str(timestamp), nonce, hashlib.sha256(body).hexdigest()]) + "\n"

    def authorization(self, method, target, body, timestamp=None, nonce=None, scheme=None, signature=None):
        timestamp, nonce = int(time.time()) if timestamp is None else timestamp, nonce or secrets.token_hex(16)
        signature = signature or sign(self.kind, self.private, self.text(method, target, body, timestamp, nonce).encode())
        return f"{scheme or SCHEMES[self.kind]} key={self.key_id},timestamp={timestamp},nonce={nonce},signature={signature}"


def keyed(stack, kind, app=None, bits=2048):
    """A merchant of the app (the stack's) with a fresh pair, uploaded by the command line; and what that said."""
    private, public = make_pair(stack.folder, kind, bits)
    made = stack.admin("app", "key", "--app", (app or stack.app)["id"], "--public-key", str(public))
    return KeyedMerchant(stack.gateway_port, made["id"], kind, private), made
