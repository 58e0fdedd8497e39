# SPDX-License-Identifier: Apache-2.0
"""The disk gives way under a running gateway: full, failing, slow, rotten, taken away, put back. Each story counts that its fault struck and
ends in the audit of the crash matrix; doc/FAULTS.md is the table."""
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import tap  # noqa: E402
from tap import equal, expect, request, test, wait_for  # noqa: E402
import audit  # noqa: E402
from scene import GONE, Scene  # noqa: E402
from shaken import BROKEN, BROKEN_ALARMS, Shaken  # noqa: E402
from shim import DISK_ERROR, NO_ROOM  # noqa: E402

PAGE = 4096


@test
def a_healthy_disk_passes_the_same_audit(_):
    """The shim is preloaded and has no order."""
    with Shaken("healthy") as scene:
        scene.works()
        scene.refund_is_done(scene.orders[next(iter(scene.orders))])
        scene.finish()


# ---- full


@test
def s_134_no_room_for_the_log_refuses_writes_and_heals_without_a_restart(_):
    with Shaken("full-log") as scene:
        scene.settle(scene.order())
        waiting = scene.order(3)
        for order in waiting:
            scene.insist(order)
        pid = scene.pid
        with scene.shim.playing("space", count=-1, error=NO_ROOM, path="till.db-wal"):
            before = scene.rows("SELECT count(*), sum(state) FROM payments"), scene.rows("SELECT count(*) FROM ledger")
            for _ in range(5):
                equal(scene.is_refused()["code"], "store_failed", "why")
            for order in waiting:
                scene.pay(order)
                scene.await_attempts(order, 1)
                scene.reads(order)
            expect(not scene.is_ready(), "/ready while nothing can be written")
            expect(not any(n["acknowledged"] for n in scene.notices() if n["out_trade_no"] in
                           {order.answers[0][1]["upstream_no"] for order in waiting}), "a notification was acknowledged on a full disk")
            equal((scene.rows("SELECT count(*), sum(state) FROM payments"), scene.rows("SELECT count(*) FROM ledger")), before, "the books")
        scene.works()
        equal(scene.pid, pid, "the process")
        scene.repay()


@test
def s_134_no_room_in_the_database_only_makes_the_log_longer(_):
    """Checkpoints fail; nobody is refused, and the next checkpoint after room has come back puts everything in its place."""
    with Shaken("full-db") as scene:
        scene.settle(scene.order())
        size = (scene.stack.folder / "till.db").stat().st_size
        with scene.shim.playing("space", count=-1, error=NO_ROOM, path="till.db"):
            wait_for(lambda: scene.send(scene.order()) and scene.shim.struck("space"), "a checkpoint", 60, 0)
            for _ in range(5):
                expect(scene.send(scene.order()), "a create while the log has room")
        expect((scene.stack.folder / "till.db-wal").stat().st_size > 1024 * PAGE, "the log is not longer")
        equal((scene.stack.folder / "till.db").stat().st_size, size, "the database")
        expect(scene.logged("store_checkpoint"), "nobody was told")
        scene.finish_quickly()
        expect((scene.stack.folder / "till.db").stat().st_size > size, "the last checkpoint")


@test
def nothing_of_a_payment_needs_room_for_temporary_files(_):
    """TMPDIR is a disk without a free byte, and a life goes by on it: sorting, backup, start, stop."""
    with Scene("full-temp") as scene:
        small = scene.stack.folder / "small"
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], check=True)
        with open(small / "filler", "wb", buffering=0) as out:
            for size in (4096, 1):
                try:
                    while out.write(b"x" * size):
                        pass
                except OSError as error:
                    equal(error.errno, NO_ROOM, "the filler's end")
        scene.kill()
        begin = scene.stack.start_gateway
        scene.stack.start_gateway = lambda env=None, **more: begin(env={**(env or {}), "TMPDIR": str(small), "SQLITE_TMPDIR": str(small)}, **more)
        scene.start()
        scene.settle(scene.order())
        scene.stack.admin("backup", scene.stack.folder / "copy.db")
        scene.finish()
        equal([path.name for path in small.iterdir()], ["filler"], "files in TMPDIR")
        subprocess.run(["umount", str(small)], check=True)


# ---- failing


def traffic(scene, struck):
    """One write of each kind after the other until one meets the error; afterwards none may be acknowledged."""
    paid, open_order = scene.order(), scene.order()

    def is_late():
        return struck() > 0 or not scene.stack.gateway.running()

    def is_paid():
        with contextlib.suppress(*GONE):
            found = scene.read(paid)
            return found is not None and found["state"] == "paid"

    def pay():
        scene.pay(paid)
        wait_for(lambda: is_late() or is_paid(), "the payment, or the error", 20)

    def refund():
        if is_paid():
            scene.send_refund(scene.refund(paid, 100))
    steps = (lambda: scene.send(paid), lambda: scene.send(open_order), lambda: paid.answers and pay(), refund,
             lambda: open_order.answers and scene.close(open_order))
    for step in steps:
        late = is_late()
        count = sum(len(order.answers) for order in scene.orders.values()) + sum(len(refund.answers) for refund in scene.refunds)
        step()
        told = sum(len(order.answers) for order in scene.orders.values()) + sum(len(refund.answers) for refund in scene.refunds)
        expect(not late or told == count, "an acknowledgement after the disk had failed")
        if late and not scene.stack.gateway.running():
            return


def sync_fails(scene, at, path=""):
    """One life whose at-th sync fails; then the next one recovers."""
    scene.settle(scene.order())
    scene.shim.order("sync", at=at, error=DISK_ERROR, path=path)
    traffic(scene, lambda: scene.shim.struck("sync"))
    if not scene.shim.struck("sync"):  # background work brings the rest of the syncs
        wait_for(lambda: scene.send(scene.order()) is None or scene.shim.struck("sync"), f"sync number {at}", 30, 0)
    scene.broke()
    equal(scene.shim.end("sync"), 1, "strokes")
    scene.start()


@test
def s_135_every_sync_that_fails_ends_the_process_and_loses_nothing(_):
    """n = 1 .. 6 counted from a quiet moment; more with `make soak ARGS=faults`."""
    last = int(os.environ.get("FAULTS_SYNCS", "6"))
    with Shaken("sync") as scene:
        for at in range(1, last + 1):
            sync_fails(scene, at)
        equal(len(scene.logged("store_broken")), last, "alarms")
        scene.repay()


@test
def s_135_a_sync_of_the_checkpoint_that_fails_ends_the_process_too(_):
    with Shaken("sync-db") as scene:
        scene.settle(scene.order())
        scene.shim.order("sync", error=DISK_ERROR, path="till.db")
        wait_for(lambda: scene.try_create() is None or scene.shim.struck("sync"), "a checkpoint", 60, 0)
        scene.broke()
        equal(scene.shim.end("sync"), 1, "strokes")
        expect(scene.logged("store_broken"), "nobody was told")
        scene.start()
        scene.finish_quickly()


@test
def s_135_under_its_supervisor_a_failed_sync_is_a_restart(_):
    with Shaken("sync-supervised", supervised=True) as scene:
        scene.settle(scene.order())
        scene.shim.order("sync", error=DISK_ERROR)
        expect(scene.try_create() != 201, "acknowledged without a sync")
        wait_for(lambda: f'"code":{BROKEN}' in scene.stack.gateway.output(), "the supervisor's word")
        equal(scene.shim.end("sync"), 1, "strokes")
        scene.excused = BROKEN_ALARMS
        scene.await_listening()
        scene.repay()


@test
def a_write_error_ends_the_process_and_loses_nothing(_):
    with Shaken("write") as scene:
        for at in (1, 4, 9):
            scene.settle(scene.order())
            scene.shim.order("space", at=at, error=DISK_ERROR, path="till.db-wal")
            wait_for(lambda: scene.try_create() is None or scene.shim.struck("space"), f"write number {at}", 20, 0)
            scene.broke()
            equal(scene.shim.end("space"), 1, "strokes")
            scene.start()
        scene.repay()


# ---- slow


@test
def a_disk_of_two_seconds_a_sync_slows_everything_and_sheds_what_is_too_much(_):
    crowd, workers, queue = 40, 4, 6
    with Shaken("slow", http__workers_max=workers, http__queue_max=queue, payments__create_deadline="10s", upstream__timeout="5s",
                payments__ask_after="1h", payments__ask_slowest="1h") as scene:
        told = scene.order()
        scene.insist(told)
        known, lengths = len(scene.trades()), []
        with scene.shim.playing("sync", count=-1, delay=2.0):
            burst = scene.order(crowd)
            for order in burst:
                scene.background(scene.try_create, order)
            time.sleep(0.5)
            scene.pay(told)  # its notification has a lane of its own
            for _ in range(10):
                lengths.append(tap.metric_sum(scene.stack, "till_queue_depth", lane="api"))
                time.sleep(0.2)
            scene.join()
            wait_for(lambda: all(notice["acknowledged"] for notice in scene.notices()), "the notification being acknowledged", 20)
            equal(scene.stack.gateway.running(), True, "the process")
        accepted = [order for order in burst if order.answers]
        refused = [order for order in burst if order.refusals and not order.answers]
        expect(0 < max(lengths) <= queue, f"the queue: {lengths}")
        expect(len(accepted) >= 1 and len(accepted) + len(refused) == crowd, f"{len(accepted)} accepted, {len(refused)} refused, of {crowd}")
        expect(refused and all(answer.status == 503 and answer.headers.get("retry-after") for order in refused for answer in order.refusals),
               "how the rest was refused")
        expect(len(refused) >= crowd - workers - queue - len(accepted), "shed")
        precreates = [e for e in scene.stack.control("GET", "/exchanges")["exchanges"] if e["method"].endswith("precreate")]
        expect(len(precreates) - known <= len(accepted) + workers, f"a storm: {len(precreates)} calls for {len(accepted)} orders")
        equal(len(scene.trades()) - known, len([order for order in burst if order.subject in scene.trades()]), "orders upstream")
        scene.works()
        scene.repay()


# ---- rotten


def rot(path, offset, bit=0):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ (1 << bit)]))


def start_and_say(scene):
    """Starts until it listens or ends; what it said."""
    scene.stack.start_gateway(env={}, wait=False, arguments=("--no-supervise",))
    gateway = scene.stack.gateway

    def has_decided():
        if not gateway.running():
            return True
        try:
            return request(scene.stack.gateway_port, "GET", "/health", timeout=5).status == 200
        except GONE:
            return False
    wait_for(has_decided, "a start or its refusal", 30, 0.02)
    return gateway.output()[-2000:]


@test
def a_log_that_rotted_in_the_middle_is_no_torn_end(_):
    """A kill leaves the write-ahead log behind; a bit turns in a commit that others followed. Recovery would drop them all, without a word."""
    with Scene("rot-wal") as scene:
        for _ in range(4):
            scene.insist(scene.order())
        scene.kill()
        log = scene.stack.folder / "till.db-wal"
        whole = log.read_bytes()
        frames = (len(whole) - 32) // (24 + PAGE)
        expect(frames > 12, f"{frames} frames in the log")
        struck = 0
        for frame in (0, frames // 3, frames // 2):
            for place in (24 + 100, 24 + PAGE - 1, 9, 17):
                log.write_bytes(whole)
                rot(log, 32 + frame * (24 + PAGE) + place, 3)
                said = start_and_say(scene)
                expect(not scene.stack.gateway.running() and scene.stack.gateway.child.returncode == 1, f"it started on frame {frame}+{place}")
                expect("write-ahead log" in said and "backup" in said, f"what it said: {said}")
                struck += 1
        equal(struck, 12, "turned bits")
        log.write_bytes(whole)
        scene.start()
        scene.finish()


@test
def a_log_that_was_torn_at_its_end_is_recovered(_):
    """The other direction: what a power cut leaves is no damage. Zeros, half a frame, rubbish, a transaction without its last frame, and
    what an earlier log had left there."""
    with Scene("torn-wal") as scene:
        for _ in range(3):
            scene.insist(scene.order())
        scene.kill()
        log = scene.stack.folder / "till.db-wal"
        whole = log.read_bytes()
        frame = whole[32:32 + 24 + PAGE]
        uncommitted, older = frame[:4] + bytes(4) + frame[8:], frame[:8] + bytes(8) + frame[16:]
        for tail in (bytes(24 + PAGE), frame[:2000], os.urandom(3 * (24 + PAGE)), uncommitted * 2, older * 3):
            log.write_bytes(log.read_bytes() + tail)
            scene.start()
            scene.kill()
        scene.start()
        scene.finish()


def table_pages(scene, table):
    """Page numbers of a table's leaves."""
    handle = sqlite3.connect(f"file:{scene.stack.folder / 'till.db'}?mode=ro", uri=True)
    try:
        return [row[0] for row in handle.execute("SELECT rootpage FROM sqlite_master WHERE name = ? OR tbl_name = ?", (table, table))]
    finally:
        handle.close()


@test
def pages_that_rotted_are_found_before_they_are_used(_):
    """The head of a page of payments, attempts, ledger: a start refuses, names the damage and the way back."""
    with Scene("rot-page") as scene:
        for _ in range(3):
            scene.settle(scene.order())
        equal(scene.stack.gateway.stop(signal.SIGTERM, 20), 0, "exit status")
        database = scene.stack.folder / "till.db"
        whole = database.read_bytes()
        struck = 0
        for table in ("payments", "attempts", "ledger", "events"):
            for page in table_pages(scene, table)[:2]:
                for place, bit in ((0, 4), (5, 6), (8, 7)):
                    database.write_bytes(whole)
                    rot(database, (page - 1) * PAGE + place, bit)
                    said = start_and_say(scene)
                    expect(not scene.stack.gateway.running(), f"it started with a rotten page of {table}, byte {place}")
                    equal(scene.stack.gateway.child.returncode, 1, f"its exit status: {said}")
                    expect("damaged" in said and "backup" in said, f"what it said: {said}")
                    struck += 1
        expect(struck >= 24, f"{struck} turned bits")
        database.write_bytes(whole)
        for name in ("till.db-wal", "till.db-shm"):
            (scene.stack.folder / name).unlink(missing_ok=True)
        scene.start()
        scene.finish()


@test
def a_backup_of_a_rotten_page_is_refused(_):
    """Rot that came while it ran: a copy that cannot be trusted is none."""
    with Scene("rot-backup") as scene:
        for _ in range(3):
            scene.settle(scene.order())
        equal(scene.stack.gateway.stop(signal.SIGTERM, 20), 0, "exit status")
        page = table_pages(scene, "discrepancies")[0]
        scene.start()
        whole = (scene.stack.folder / "till.db").read_bytes()
        rot(scene.stack.folder / "till.db", (page - 1) * PAGE, 4)
        copy = scene.stack.folder / "bad.db"
        try:
            scene.stack.admin("backup", copy)
        except RuntimeError as error:
            expect("damaged" in str(error), f"what it said: {error}")
        else:
            raise tap.Failed("a copy of a rotten page was called a backup")
        expect(not copy.exists(), "the bad copy is still there")
        scene.stack.gateway.kill()
        (scene.stack.folder / "till.db").write_bytes(whole)
        scene.start()
        scene.stack.admin("backup", copy)
        expect(copy.exists(), "the good copy")
        scene.finish()


# ---- taken away, doubled, put back


@test
def a_file_that_was_replaced_stops_the_writes_and_the_next_process_opens_the_new_one(_):
    with Shaken("replaced", supervised=True) as scene:
        scene.settle(scene.order())
        old = scene.order()
        scene.insist(old)
        copy = scene.stack.folder / "copy.db"
        scene.stack.admin("backup", copy)
        os.replace(copy, scene.stack.folder / "till.db")
        for name in ("till.db-wal", "till.db-shm"):
            (scene.stack.folder / name).unlink()
        expect(scene.try_create() in (503, None), "a write into a file that is gone")
        wait_for(lambda: f'"code":{BROKEN}' in scene.stack.gateway.output(), "the supervisor's word")
        expect(any("replaced" in entry.get("text", "") or entry["event"] == "store_broken" for entry in scene.log()), "the log does not say why")
        scene.excused = BROKEN_ALARMS
        scene.await_listening()
        scene.reads(old)
        scene.repay()


@test
def two_daemons_on_one_file_are_one(_):
    """The second is refused while the first works; when the first is stopped and not dead, it is refused all the same."""
    with Scene("two") as scene:
        scene.settle(scene.order())
        stack = scene.stack
        words = [stack.till, "serve", "-c", stack.config, "--no-supervise", "--set", "http.port=0", "--set", "private.port=0",
                 "--set", f"admin.socket={stack.folder}/other.sock"]
        os.kill(stack.gateway.child.pid, signal.SIGSTOP)
        try:
            for _ in range(2):
                second = tap.Process(words, stack.folder / "second.log").start()
                equal(second.child.wait(20), 1, "the second daemon's exit status")
                expect("in use" in second.output() and str(stack.gateway.child.pid) in second.output(), second.output()[-500:])
        finally:
            os.kill(stack.gateway.child.pid, signal.SIGCONT)
        scene.settle(scene.order())
        scene.finish()


class Load:
    """Orders, payments and refunds from three merchants until told to stop."""

    def __init__(self, scene):
        self.scene, self.over, self.lock = scene, threading.Event(), threading.Lock()
        for _ in range(3):
            scene.background(self.trade)

    def trade(self):
        while not self.over.is_set():
            with self.lock:
                order = self.scene.order()
            if self.scene.send(order) and order.answers[-1][0] == 201 and order.amount % 2:
                self.scene.pay(order)
            time.sleep(0.05)

    def stop(self):
        self.over.set()
        self.scene.join()


@test
def backups_under_load_are_consistent_and_an_old_one_brings_every_payment_back(_):
    """Five copies while orders are made and paid, each audited as after a crash. Then the oldest is put back: what was open in it and has been
    paid since is paid again, by question or by the platform's repetition (I33)."""
    with Scene("backup", payments__ask_after="1s", payments__ask_slowest="2s") as scene:
        scene.settle(scene.order())
        waiting = scene.order(4)
        for order in waiting:
            scene.insist(order)
        load, copies = Load(scene), []
        try:
            for number in range(5):
                copies.append(scene.stack.folder / f"copy-{number}.db")
                scene.stack.admin("backup", copies[-1])
        finally:
            load.stop()
        sizes = []
        for copy in copies:
            handle = sqlite3.connect(copy)
            try:
                left = audit.Left(handle)
                sizes.append(len(left.payments))
                equal(left.state(waiting[0]), audit.PENDING, "an order that nobody has paid yet")
            finally:
                handle.close()
        expect(sizes == sorted(sizes) and sizes[-1] > sizes[0], f"orders in the copies: {sizes}")
        old = copies[0]
        for order in waiting[:3]:
            scene.pay(order)
            wait_for(lambda: scene.read(order)["state"] == "paid", "the payment")
        scene.kill()
        kept = {row[0] for row in sqlite3.connect(old).execute("SELECT subject FROM payments")}
        for name in ("till.db-wal", "till.db-shm"):
            (scene.stack.folder / name).unlink(missing_ok=True)
        shutil.copy(old, scene.stack.folder / "till.db")
        paid = {subject for subject, trades in scene.trades().items() if any(trade["paid_us"] for trade in trades)}
        expect({order.subject for order in waiting[:3]} <= paid & kept, "what was paid after the backup")
        scene.start()
        wait_for(lambda: paid & kept <= {row[0] for row in scene.rows("SELECT subject FROM payments WHERE state = 1")},
                 "every payment that the backup knows being paid again", 40)
        equal(scene.rows("SELECT count(*) FROM payments p WHERE state = 1 AND (SELECT count(*) FROM ledger l WHERE l.payment_id = p.id) <> 2"),
              [(0,)], "payments that are booked otherwise than once")
        handle = sqlite3.connect(scene.stack.folder / "till.db")
        audit.sound(handle)
        handle.close()
        equal(scene.stack.gateway.stop(signal.SIGTERM, 20), 0, "exit status")


if __name__ == "__main__":
    tap.main(setup=lambda: None)
