# SPDX-License-Identifier: Apache-2.0
"""Secrets that change under load: a merchant's key, webhook secrets, the master key. Whoever holds a right secret never notices; a
retired one is refused."""
import base64
import hashlib
import hmac
import json
import secrets
import subprocess
import threading
import time

from tap import (Merchant, Receiver, admin_http, await_state, create, equal, expect, is_problem, main, number, order, second_merchant, test,
                 wait_for)


def merchant_of(stack, key):
    return Merchant(stack.gateway_port, key["id"], bytes.fromhex(key["secret"]))


def shop(stack):
    """An app of its own with one key; its orders are only read, so it needs no account."""
    app, merchant, key = second_merchant(stack, "Rotating shop")
    return app, merchant, key


def refusal(stack, *words):
    """The code that the command line ends with."""
    done = subprocess.run([str(stack.till), *map(str, words), "-c", str(stack.config), "--json"], capture_output=True, timeout=60)
    expect(done.returncode and not done.stdout, f"not refused: {done}")
    return json.loads(done.stderr)["code"]


def status_of(merchant):
    return merchant.call("GET", "/v1/payments?limit=1").status


class Load:
    """One thread a client, who calls until told to stop, below every limit of the door; every status is kept."""

    def __init__(self, *calls):
        self.over, self.statuses = threading.Event(), [[] for _ in calls]
        self.threads = [threading.Thread(target=self.run, args=pair, daemon=True) for pair in zip(calls, self.statuses)]
        for thread in self.threads:
            thread.start()

    def run(self, call, statuses):
        while not self.over.is_set():
            statuses.append(call())
            self.over.wait(0.03)

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(30)


# ---- keys


@test
def both_keys_work_until_the_old_one_ends_and_then_only_the_new_one(stack):
    app, old, key = shop(stack)
    load = Load(lambda: status_of(old))
    made = stack.admin("app", "rotate", "--app", app["id"], "--overlap", "3s")
    expect(made["old_ends_at"] and len(made["secret"]) == 64, f"what rotate said: {made}")
    new = merchant_of(stack, made)
    newer = Load(lambda: status_of(new))
    wait_for(lambda: 401 in load.statuses[0], "the end of the old key", 15)
    load.stop()
    newer.stop()
    first = load.statuses[0].index(401)
    equal(set(load.statuses[0][:first]), {200}, "answers to the old key before its end")
    equal(set(load.statuses[0][first:]), {401}, "answers to the old key after it")
    equal(set(newer.statuses[0]), {200}, "answers to the new key")
    is_problem(old.call("GET", "/v1/payments?limit=1"), 401, "unauthorized")
    rows = {row["id"]: row for row in stack.admin("app", "keys", "--app", app["id"])["data"]}
    equal(rows[key["id"]]["ends_at"], made["old_ends_at"], "the list's end of the old key")
    expect("ends_at" not in rows[made["id"]], "the new key has an end")
    wait_for(lambda: not {row["id"]: row for row in stack.admin("app", "keys", "--app", app["id"])["data"]}[key["id"]]["enabled"],
             "the store's own end of the old key")


@test
def a_key_that_ends_soon_is_told_of_and_one_that_ended_too(stack):
    app, _, key = shop(stack)
    stack.admin("app", "rotate", "--app", app["id"], "--overlap", "1h")
    stack.gateway.stop()
    stack.start_gateway()  # the first round of a life tells
    log = stack.folder / "till.log"

    def told(event, key_id):
        return any(line.get("event") == event and line.get("key") == key_id for line in
                   (json.loads(text) for text in log.read_text(encoding="utf-8").splitlines() if text.startswith("{")))
    wait_for(lambda: told("key_ends_soon", key["id"]), "the warning")
    stack.admin("app", "end", key["id"], "--in", "0s")
    wait_for(lambda: told("key_ended", key["id"]), "the end in the log")


@test
def the_last_key_takes_no_end_and_several_must_be_named(stack):
    app, merchant, key = shop(stack)
    is_problem(admin_http(stack, "POST", f"/admin/keys/{key['id']}/end", {"in_seconds": 60}), 409, "state_conflict")
    equal(status_of(merchant), 200, "the last key")
    second = stack.admin("app", "key", "--app", app["id"])
    equal(refusal(stack, "app", "rotate", "--app", app["id"]), "usage", "two keys and none named")
    equal(refusal(stack, "app", "rotate", "--app", app["id"], "--key", key["id"], "--overlap", "91d"), "setting_invalid", "91 days")
    equal(len(stack.admin("app", "keys", "--app", app["id"])["data"]), 2, "keys after a refused rotation")
    made = stack.admin("app", "rotate", "--app", app["id"], "--key", second["id"])
    rows = {row["id"]: row for row in stack.admin("app", "keys", "--app", app["id"])["data"]}
    expect("ends_at" in rows[second["id"]] and "ends_at" not in rows[key["id"]] and made["id"] in rows, f"which one ends: {rows}")
    for bad in (-1, 90 * 86400 + 1):
        is_problem(admin_http(stack, "POST", f"/admin/keys/{key['id']}/end", {"in_seconds": bad}), 400, "field_invalid", "/in_seconds")
    is_problem(admin_http(stack, "POST", "/admin/keys/key_none/end", {"in_seconds": 1}), 404, "not_found")


# ---- webhook secrets


def signed_by(message, secret):
    raw = base64.b64decode(secret.removeprefix("whsec_"))
    headers = message["headers"]
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + message["body"]
    return "v1," + base64.b64encode(hmac.new(raw, text, hashlib.sha256).digest()).decode() in headers["webhook-signature"].split()


def hear(stack, ear):
    """A paid order's message."""
    before = len(ear.messages)
    payment = create(stack, number("ROT"))
    stack.pay(payment["upstream_no"])
    await_state(stack, payment, "paid")
    return wait_for(lambda: len(ear.messages) > before and ear.messages[-1], "the webhook")


@test
def an_endpoints_messages_are_signed_with_both_secrets_until_the_old_one_ends(stack):
    with Receiver(port=stack.shop_port) as ear:
        endpoint = stack.admin("endpoint", "add", "--app", stack.app["id"], "--url", ear.url)
        old = endpoint["secret"]
        made = stack.admin("endpoint", "rotate", endpoint["id"], "--overlap", "1h")
        new = made["secret"]
        message = hear(stack, ear)
        expect(signed_by(message, old) and signed_by(message, new), "not signed with both")
        shown = next(row for row in stack.admin("endpoint", "list", "--app", stack.app["id"])["data"] if row["id"] == endpoint["id"])
        equal([bool(secret["ends_at"]) for secret in shown["webhook_secrets"]], [False, True], "ends in the list")
        expect(old not in json.dumps(shown) and new not in json.dumps(shown), "a secret in the list")
        admin_http(stack, "POST", f"/admin/endpoints/{endpoint['id']}/secrets/end", {"in_seconds": 0})
        message = hear(stack, ear)
        expect(signed_by(message, new) and not signed_by(message, old), "the ended secret still signs")
        stack.admin("endpoint", "disable", endpoint["id"])


@test
def an_endpoint_keeps_at_most_eight_secrets_alive(stack):
    endpoint = stack.admin("endpoint", "add", "--app", stack.app["id"], "--url", f"http://127.0.0.1:{stack.shop_port}/hook")
    place = f"/admin/endpoints/{endpoint['id']}/secrets"
    equal([admin_http(stack, "POST", place).status for _ in range(8)], [201] * 7 + [409], "answers")
    stack.admin("endpoint", "disable", endpoint["id"])
    is_problem(admin_http(stack, "POST", "/admin/endpoints/whe_none/secrets"), 404, "not_found")
    is_problem(admin_http(stack, "POST", "/admin/apps/app_none/secrets"), 404, "not_found")


# ---- the master key


def key_file(stack, name, text=None, mode=0o600):
    path = stack.folder / name
    path.touch(mode)
    path.chmod(mode)
    path.write_text(text or secrets.token_hex(32), encoding="ascii")
    return path


@test
def everything_is_sealed_anew_under_load_and_the_old_key_is_refused_in_the_end(stack):
    old_file = stack.folder / "master.key"
    clients = [shop(stack)[1] for _ in range(4)]
    equal(stack.admin("secrets", "status")["state"], "sealed", "the state before")

    def place_order():
        return stack.merchant().call("POST", "/v1/payments", order(number("SEAL"))).status
    load = Load(place_order, *(lambda merchant=merchant: status_of(merchant) for merchant in clients))
    new_file = key_file(stack, "new-master.key")
    said = stack.admin("secrets", "reseal", "--new-master-key-file", new_file)
    equal((said["state"], said["runs_under"]), ("resealed", "old"), "what reseal said")
    expect(said["rows"] >= 4 + 4 + 2, f"rows under the new key: {said}")
    time.sleep(0.5)
    load.stop()
    equal(set(load.statuses[0]), {201}, "orders placed meanwhile")
    for statuses in load.statuses[1:]:
        equal(set(statuses), {200}, "answers meanwhile")
    stack.gateway.stop()
    stack.start_gateway()
    wait_for(lambda: "old_master_key_in_use" in (stack.folder / "till.log").read_text(encoding="utf-8"), "the reminder")
    # Either key starts it until the new one has; then the old one is refused.
    for path, state in ((old_file, "resealed"), (new_file, "sealed")):
        stack.gateway.stop()
        stack.overrides["secrets.master_key_file"] = path
        stack.start_gateway()
        equal(stack.admin("secrets", "status")["state"], state, f"the state under {path.name}")
        equal([status_of(merchant) for merchant in clients], [200] * 4, "keys that work")
    stack.gateway.stop()
    stack.overrides["secrets.master_key_file"] = old_file
    try:
        stack.start_gateway()
        expect(False, "a start under the old key")
    except RuntimeError as error:
        expect("master key is not the one" in str(error), f"why it was refused: {error}")
    stack.overrides["secrets.master_key_file"] = new_file
    stack.start_gateway()
    equal(place_order(), 201, "an order under the new key")


@test
def a_new_master_key_that_is_weak_missing_or_open_to_others_is_refused(stack):
    files = {"short": key_file(stack, "short.key", "abcd"), "weak": key_file(stack, "weak.key", "00" * 32),
             "open to others": key_file(stack, "open.key", mode=0o644)}
    for what, path in files.items():
        equal(refusal(stack, "secrets", "reseal", "--new-master-key-file", path), "setting_invalid", what)
    equal(refusal(stack, "secrets", "reseal", "--new-master-key-file", stack.folder / "none.key"), "file_failed", "missing")
    is_problem(admin_http(stack, "POST", "/admin/secrets/reseal", {"new_master_key_file": "here.key"}), 400, "field_invalid",
               "/new_master_key_file")
    present = stack.overrides.get("secrets.master_key_file", stack.folder / "master.key")
    is_problem(admin_http(stack, "POST", "/admin/secrets/reseal", {"new_master_key_file": str(present)}), 400, "field_invalid",
               "/new_master_key_file")
    equal(stack.admin("secrets", "status")["state"], "sealed", "the state after refusals")


if __name__ == "__main__":
    main()
