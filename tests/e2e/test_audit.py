# SPDX-License-Identifier: Apache-2.0
"""`till audit` beside a daemon, after kills, over backups; heads that were kept; what the trail says of hands and not of secrets."""
import contextlib
import http.client
import json
import os
import signal
import sqlite3
import subprocess
import threading

from tap import (await_state, create, equal, expect, folder, main, order, restart_gateway, rows, settle, started, test, till, wait_for)


def audit(*words, status=0):
    """One run: its report, or the problem that it told."""
    done = subprocess.run([str(till()), "audit", *map(str, words), "--json"], capture_output=True, text=True, timeout=120)
    equal(done.returncode, status, f"exit status, {done.stdout[:2000]} {done.stderr[:2000]}")
    return json.loads(done.stdout) if done.stdout.strip() else json.loads(done.stderr)


def config(stack):
    return ("-c", stack.folder / "till.yaml")


def backup(stack):
    path = folder() / "copy.db"
    stack.admin("backup", path)
    return path


def sealed(stack):
    """All rows of the trail have their seal: within some rounds of housekeeping."""
    wait_for(lambda: rows(stack, "SELECT (SELECT count(*) FROM audit) - (SELECT count(*) FROM seals)") == [(0,)], "every row sealed", 20)


def break_file(path, *statements):
    """As somebody would who knows the file: guards down, change, guards up."""
    handle = sqlite3.connect(path, isolation_level=None)
    handle.execute("PRAGMA ignore_check_constraints = ON")
    guards = handle.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    handle.execute("BEGIN")
    for name, _ in guards:
        handle.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        handle.execute(statement)
    for _, sql in guards:
        handle.execute(sql)
    handle.execute("COMMIT")
    handle.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    handle.close()


@test
def a_living_store_is_whole_and_its_head_moves(stack):
    sealed(stack)
    before = audit(*config(stack))
    equal((before["whole"], before["violations"], before["unsealed"]), (True, [], 0), "a fresh store")
    payment = create(stack)
    settle(stack, payment)
    stack.merchant().call("POST", f"/v1/payments/{payment['id']}/refunds", {"amount": 100, "out_refund_no": "R-1"})
    sealed(stack)
    after = audit(*config(stack), "--expect", before["head"])
    equal(after["whole"], True, "with the head that was kept")
    expect(int(after["head"].split(":")[0]) > int(before["head"].split(":")[0]), f"{before['head']} then {after['head']}")
    expect(after["transactions"] >= 2, f"payment and refund: {after}")
    log = (stack.folder / "till.log").read_text(encoding="utf-8")
    expect('"trail_head"' in log, "the head is logged")


@test
def it_reads_beside_a_busy_daemon_and_finds_one_moment(stack):
    done = threading.Event()

    def sell():
        while not done.is_set():
            settle(stack, create(stack))
    seller = threading.Thread(target=sell)
    seller.start()
    try:
        counts = [audit(*config(stack))["payments"] for _ in range(8)]
    finally:
        done.set()
        seller.join()
    equal(counts, sorted(counts), "payments grow")


@test
def I13_I25_after_kills_in_the_middle_the_books_are_whole_and_the_chain_goes_on(stack):
    def buy():
        with contextlib.suppress(OSError, http.client.HTTPException):
            stack.merchant().call("POST", "/v1/payments", order(), timeout=5)
    for _ in range(5):
        threads = [threading.Thread(target=buy, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(rows(stack, "SELECT 1 FROM payments WHERE state = 0")) > 0, "an order under way", 10, 0.01)
        head = audit(*config(stack))["head"]
        restart_gateway(stack, signal.SIGKILL)
        report = audit(*config(stack), "--expect", head)
        equal(report["whole"], True, "after a kill")
        for thread in threads:
            thread.join()


@test
def a_backup_is_audited_where_nothing_can_be_written(stack):
    settle(stack, create(stack))
    sealed(stack)
    head = audit(*config(stack))["head"]
    path = backup(stack)
    before = sorted(os.listdir(path.parent))
    path.chmod(0o400)
    path.parent.chmod(0o500)
    report = audit("--store", path, "--expect", head)
    path.parent.chmod(0o700)
    equal(report["whole"], True, "the copy")
    equal(sorted(os.listdir(path.parent)), before, "nothing appeared beside it")


@test
def the_first_violation_is_named_and_all_of_them_when_asked(stack):
    settle(stack, create(stack))
    settle(stack, create(stack))
    sealed(stack)
    path = backup(stack)
    break_file(path, "UPDATE ledger SET debit = debit + 1 WHERE debit > 0")
    first = audit("--store", path, status=1)
    equal((first["whole"], first["more"], len(first["violations"])), (False, True, 1), "the first")
    found = first["violations"][0]
    equal(found["rule"], "ledger.balance", "rule")
    expect(found["row"].startswith("transaction txn_") and "debits equal credits" in found["expected"], str(found))
    every = audit("--store", path, "--all", status=1)
    rules = {violation["rule"] for violation in every["violations"]}
    expect({"ledger.balance", "trail.ledger"} <= rules and len(every["violations"]) > 2, str(rules))
    said = subprocess.run([str(till()), "audit", "--store", str(path)], capture_output=True, text=True)
    expect(said.returncode == 1 and "violation   ledger.balance" in said.stdout and "transaction txn_" in said.stdout, said.stdout)


@test
def a_tail_that_was_cut_off_shows_against_a_head_that_was_kept(stack):
    sealed(stack)
    path = backup(stack)
    head = audit("--store", path)["head"]
    number = int(head.split(":")[0])
    break_file(path, f"DELETE FROM seals WHERE number = {number}", f"DELETE FROM audit WHERE pk = (SELECT max(pk) FROM audit)"
               " AND what <> 'ledger'")
    short = audit("--store", path, "--all", "--expect", head, status=1)
    expect("trail.anchor" in [violation["rule"] for violation in short["violations"]], str(short))
    other = f"{number}:{'0' * 64}"
    expect(audit(*config(stack), "--expect", other, status=1)["violations"][0]["rule"] == "trail.anchor", "another hash")


@test
def what_cannot_be_read_is_not_called_whole(stack):
    nowhere = folder() / "none.db"
    equal(audit("--store", nowhere, status=2)["code"], "store_failed", "no file")
    text = folder() / "text.db"
    text.write_text("not a database, " * 400, encoding="utf-8")
    equal(audit("--store", text, status=2)["code"], "store_failed", "another file")
    empty = folder() / "empty.db"
    sqlite3.connect(empty).execute("CREATE TABLE t(a)").connection.commit()
    equal(audit("--store", empty, status=2)["code"], "store_failed", "another database")
    for words in ((), ("--store",), (*config(stack), "--expect", "12"), (*config(stack), "--expect", "x:00"), (*config(stack), "--nonsense")):
        audit(*words, status=2)


@test
def hands_are_in_the_trail_and_secrets_are_not(stack):
    payment = create(stack)
    settle(stack, payment)
    stack.admin("refund", payment["id"], "--amount", "1.00", "--no", "by-hand")
    other = create(stack)
    stack.admin("close", other["id"])
    await_state(stack, other, "closed")
    stack.admin("app", "disable", stack.app["id"])
    stack.admin("app", "enable", stack.app["id"])
    acts = [what for what, in rows(stack, "SELECT what FROM audit WHERE who = 'admin'")]
    for act in ("app.added", "key.added", "account.added", "refund.opened", "payment.close", "app.disabled", "app.enabled"):
        expect(act in acts, f"{act} is not in {acts}")
    everything = b"".join(body for body, in rows(stack, "SELECT CAST(body AS BLOB) FROM audit WHERE what <> 'ledger'"))
    for secret in (stack.key["secret"], stack.app.get("webhook_secret", "whsec_"), "PRIVATE KEY", "MII"):
        expect(secret.encode() not in everything, "a secret is in the trail")


if __name__ == "__main__":
    main(lambda: started())
