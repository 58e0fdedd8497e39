# SPDX-License-Identifier: Apache-2.0
"""The matrix's flows of keys: a merchant's key or webhook secret changes, a platform replaces its certificate, the master key changes.

Killed in the middle, and again in the recovery, no app is ever without a key that works, and no secret is ever lost.
"""
import json
import secrets
import subprocess

import audit
from certified import certify
from flows import kill_in_recovery
from flows_bill import look
from scene import Scene
from tap import Merchant, admin_http, equal, expect, wait_for

SOON = {"payments__ask_after": "1s", "payments__ask_slowest": "2s"}


def run(scene, *words):
    """`till WORDS`: what it said (also when the daemon died over it), and whether it was content."""
    stack = scene.stack
    done = subprocess.run([str(stack.till), *words, "-c", str(stack.config), "--json"], capture_output=True, timeout=60)
    return json.loads(done.stdout or b"{}"), done.returncode == 0


# ---- a merchant's key


def works(scene, key, secret):
    merchant = Merchant(scene.stack.gateway_port, key, bytes.fromhex(secret))
    return merchant.call("GET", "/v1/payments?limit=1").status == 200


def rotation_dies(scene, point):
    """One rotation of the first key, killed there: what its maker heard."""
    old = scene.stack.key["id"]
    said, content = run(scene, "app", "rotate", "--app", scene.stack.app["id"], "--key", old, "--overlap", "1h")
    expect(not content, f"the rotation was content although {point} killed the daemon: {said}")
    expect(bool(said) == (point == "K2"), f"{point} let this be heard: {said}")
    scene.died()
    return said


def rotate(point, again):
    """The new key is there, the old one has its end, or none: both work in either case."""
    with Scene(point) as scene:
        scene.settle(scene.order())
        scene.kill()
        scene.start(point)
        heard = [rotation_dies(scene, point)]
        ends = "SELECT count(*), sum(ends_us > 0), sum(enabled) FROM keys"
        equal(look(scene, ends), [(2, 0, 2) if point == "K1" else (2, 1, 2)], f"the keys that {point} left")
        scene.start(again)
        heard.append(rotation_dies(scene, again))
        equal(look(scene, ends), [(3, 1, 3)], "keys, of them ending, of them alive")
        scene.start()
        old = scene.stack.key
        expect(works(scene, old["id"], old["secret"]), "the old key does not work within its overlap")
        for key in heard:
            expect(not key or works(scene, key["id"], key["secret"]), f"the new key {key.get('id')} does not work")
        scene.insist(scene.order())
        scene.finish()


def rotate_webhook(point, again):
    """Both secrets sign until the old one ends; the shop that knows the old one hears all."""
    with Scene(point) as scene:
        scene.settle(scene.order())
        scene.kill()
        for life, name in enumerate((point, again)):
            scene.start(name)
            said, content = run(scene, "app", "rotate-webhook", scene.stack.app["id"], "--overlap", "1h")
            expect(not content and bool(said) == (name == "K2"), f"{name} let this be heard: {said}")
            scene.died()
        scene.start()
        shown = scene.stack.admin("app", "list")["data"][0]["webhook_secrets"]
        ending = 1 if (point, again) == ("K2", "K1") else 2
        equal([secret["ends_at"] is not None for secret in shown], ([False] * (3 - ending)) + [True] * ending, f"which secrets end: {shown}")
        scene.settle(scene.order())
        signatures = scene.ear.messages[-1]["headers"]["webhook-signature"].split()
        equal(len(signatures), 3, "signatures of a message while three secrets are alive")
        scene.finish()


# ---- the platform's certificate


def certificate(point, again):
    """The platform replaced its certificate; the new one is fetched and judged when the gateway dies."""
    with Scene(point, **SOON) as scene:
        made = certify(scene.stack)
        scene.stack.platform = {**scene.stack.platform, **made}
        scene.settle(scene.order())
        before = scene.stack.admin("account", "list")["data"][0]["signing"]["platform_cert_sn"]
        settings = "SELECT hex(sealed_settings), config_epoch FROM accounts"
        scene.kill()
        held = look(scene, settings)
        scene.stack.control("POST", f"/apps/{made['app_id']}/rotate-platform-certificate")
        scene.start(point)
        order = scene.order()
        scene.background(scene.send, order)
        left = scene.died()
        equal(left.attempt(order), audit.SENT, "the attempt whose answer could not be read")
        equal(look(scene, settings), held, "the account's settings")
        kill_in_recovery(scene, again)
        equal(look(scene, settings), held, "the account's settings after the second kill")
        scene.start()
        scene.insist(order)
        after = scene.stack.admin("account", "list")["data"][0]["signing"]["platform_cert_sn"]
        expect(after != before, "the platform's new certificate was not taken")
        scene.finish()


# ---- the master key

MORE_KEYS = 36
PLACE = "SELECT place_table, rows FROM reseal"


def new_key_file(scene):
    path = scene.stack.folder / "new.key"
    path.touch(0o600)
    path.write_text(secrets.token_hex(32) + "\n", encoding="ascii")
    return path


def refused_under(scene, path):
    """A start under a key that opens nothing is refused and says why."""
    scene.start_refused = subprocess.run([str(scene.stack.till), "serve", "-c", str(scene.stack.config), "--no-supervise", "--set",
                                          f"secrets.master_key_file={path}"], capture_output=True, timeout=30)
    equal(scene.start_refused.returncode, 1, "the start's exit status")
    expect(b"master key" in scene.start_refused.stderr + scene.start_refused.stdout, f"what it said: {scene.start_refused}")


def reseal(point, again):
    """Half of the secrets are under the new master key: each of the two opens them all, and the rest follows by itself."""
    with Scene(point) as scene:
        scene.settle(scene.order())
        stack = scene.stack
        for _ in range(MORE_KEYS):
            equal(admin_http(stack, "POST", "/admin/keys", {"app_id": stack.app["id"]}).status, 201, "a key")
        new, old = new_key_file(scene), stack.folder / "master.key"
        scene.kill()
        scene.start(point, at=20)
        run(scene, "secrets", "reseal", "--new-master-key-file", str(new))
        scene.died()
        equal(look(scene, PLACE), [(0, 16)], "a part is under the new key, the torn one is not")
        # Half done, under the new key: it goes on by itself and dies.
        stack.overrides["secrets.master_key_file"] = str(new)
        scene.start(again, at=18)
        scene.died()
        equal(look(scene, PLACE), [(0, 32)], "one part more")
        # Still half done, under the old key: all keys work, also the one in an untouched row.
        stack.overrides["secrets.master_key_file"] = str(old)
        scene.start()
        wait_for(lambda: scene.rows(PLACE) == [(4, MORE_KEYS + 3)], "the last secret under the new key", 20)
        equal(stack.admin("secrets", "status")["state"], "resealed", "the change")
        scene.settle(scene.order())
        scene.kill()
        stack.overrides["secrets.master_key_file"] = str(new)
        scene.start()
        equal(stack.admin("secrets", "status")["state"], "sealed", "the change")
        scene.kill()
        refused_under(scene, old)
        scene.start()
        scene.settle(scene.order())
        scene.finish()
