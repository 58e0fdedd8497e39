#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OAuth2 clients from the package registries, unmodified, against the running gateway: Authlib and requests-oauthlib for Python, openid-client
for Node. Each gets a token, calls with it, gets the next one, takes one back, and shows its user what a wrong secret is. TILL names the program."""
import contextlib
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(HERE)]
from tap import equal, expect, main, new_stack, rows, test, wait_for  # noqa: E402
from toolchains import merchant_python, node_packages  # noqa: E402

LIBRARIES = ("oauth_authlib.py", "oauth_requests.py", "oauth_client.mjs")
SCOPES = "payments:read payments:write"


class Library:
    """One driver: a word in, its answer out."""

    def __init__(self, stack, program, name):
        self.client = stack.admin("client", "add", "--app", stack.app["id"], "--scopes", SCOPES)
        env = {**os.environ, "TILL_URL": f"http://127.0.0.1:{stack.gateway_port}", "TILL_CLIENT": self.client["id"], "TILL_CLIENT_SECRET": self.client["secret"],
               "OAUTHLIB_INSECURE_TRANSPORT": "1"}
        self.name, self.log = name, stack.folder / f"{name}.said"
        with open(self.log, "wb") as said:
            self.child = subprocess.Popen([program, HERE / "merchant" / name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, env=env, text=True)

    def __call__(self, word):
        self.child.stdin.write(word + "\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        expect(line, f"{self.name} {word}: it ended: {self.log.read_text(encoding='utf-8', errors='replace')[-1500:]}")
        return json.loads(line)

    def close(self):
        self.child.stdin.close()
        equal(self.child.wait(20), 0, f"{self.name}: its end")


def setup():
    stack = new_stack(oauth__token_lifetime="60s")
    stack.start()
    programs = {".py": merchant_python(), ".mjs": node_packages("openid-client")}
    stack.libraries = [Library(stack, programs[Path(name).suffix], name) for name in LIBRARIES]
    return stack


def is_a_token(library, said):
    equal((said["type"].lower(), said["expires_in"], sorted(said["scope"].split())), ("bearer", 60, SCOPES.split()), f"{library.name}: the token")
    expect(said["token"].startswith("till_token_"), f"{library.name}: {said}")
    return said["token"]


@test
def each_gets_a_token_by_header_and_by_form_and_calls_with_it(stack):
    for library in stack.libraries:
        tokens = {is_a_token(library, library("by_form")), is_a_token(library, library("fetch"))}
        equal(len(tokens), 2, f"{library.name}: tokens")
        equal(library("call"), {"status": 200, "challenge": ""}, f"{library.name}: a call")


@test
def each_gets_the_next_one_before_the_old_one_ends(stack):
    for library in stack.libraries:
        equal(library("renewed"), {"status": 200, "renewed": True}, library.name)


def is_told_why(library, said):
    """What the user of the library sees of a token that opens nothing."""
    equal(said["status"], 401, f"{library.name}: the status")
    expect(said["challenge"].startswith('Bearer realm="till", error="invalid_token", TILL-HMAC-SHA256 realm="till"'), f"{library.name}: {said}")
    if library.name.endswith(".mjs"):  # reads the whole list by itself
        equal([(one["scheme"], one["parameters"].get("error")) for one in said["read"]],
              [("bearer", "invalid_token"), ("till-hmac-sha256", None), ("till-rsa-sha256", None), ("till-ed25519", None)], "the challenges as the library reads them")


@test
def a_token_that_ended_is_refused_and_the_next_one_opens(stack):
    digests = [hashlib.sha256(library("fetch")["token"].encode()).digest() for library in stack.libraries]
    end_us = int((time.time() + 1) * 1e6)
    with contextlib.closing(sqlite3.connect(stack.folder / "till.db", timeout=10)) as handle:
        changed = [handle.execute("UPDATE oauth_tokens SET expires_us = ? WHERE digest = ?", (end_us, digest)).rowcount for digest in digests]
        handle.commit()
    equal(changed, [1] * len(stack.libraries), "tokens by digest")
    wait_for(lambda: time.time() * 1e6 > end_us + 1e6, "a second after their end", 10)
    for library in stack.libraries:
        is_told_why(library, library("call"))
        is_a_token(library, library("fetch"))
        equal(library("call")["status"], 200, f"{library.name}: the next one")


@test
def each_takes_a_token_back(stack):
    for library in stack.libraries:
        equal(library("call")["status"], 200, f"{library.name}: alive")
        alive = rows(stack, "SELECT count(*) FROM oauth_tokens WHERE client_id = ?", library.client["id"])[0][0]
        equal(library("revoke")["status"], 200, f"{library.name}: revocation")
        equal(rows(stack, "SELECT count(*) FROM oauth_tokens WHERE client_id = ?", library.client["id"])[0][0], alive - 1, f"{library.name}: tokens left")
        is_told_why(library, library("call"))


@test
def each_tells_its_user_of_a_wrong_secret_in_words_of_its_own(stack):
    for library in stack.libraries:
        said = library("wrong")
        print(f"# {library.name}: {said}")
        if library.name.endswith(".mjs"):  # reads the header first, and throws that
            equal((said["error"], [one["scheme"] for one in said["read"]], said["status"]), ("OAUTH_WWW_AUTHENTICATE_CHALLENGE", ["basic"], 401), library.name)
        else:
            equal(said["error"], "invalid_client", library.name)
            expect("secret" in said["description"], f"{library.name}: {said}")
        is_a_token(library, library("fetch"))
    for library in stack.libraries:
        library.close()


main(setup)
