# SPDX-License-Identifier: Apache-2.0
"""The ground giving way: a full disk (S-134), a disk that fails (S-135), being told to stop under load (S-140), and being
killed while stopping or running."""
import contextlib
import os
import resource
import signal
import subprocess
import threading
import time

from tap import (create, deliver, equal, event_types, expect, ledger_is_balanced, main, new_stack, notice, number, order, read, request,
                 restart_gateway, rows, rsa_key, settle, signed, started, test, wait_for)

DRAIN_S = 5


def daemon_of(stack):
    """The supervised child."""
    found = subprocess.run(["pgrep", "-P", str(stack.gateway.child.pid)], capture_output=True, text=True).stdout.split()
    return int(found[0]) if found else 0


def alive(stack):
    with contextlib.suppress(OSError):
        return request(stack.gateway_port, "GET", "/ready", timeout=5).status == 200
    return False


# ---- full disk


def on_a_small_disk(mebibytes):
    """A stack whose store lies on a disk of its own."""
    stack = new_stack()
    disk = stack.folder / "small"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0700", "tmpfs", str(disk)], check=True)
    stack.overrides["store.path"] = str(disk / "till.db")
    stack.start_sandbox()
    stack.init()
    stack.start_gateway()
    stack.platform_key = rsa_key(stack.folder / "platform.pem")
    stack.provision(platform_private_key=stack.platform_key.read_text(encoding="utf-8"))
    return stack, disk


def fill(disk):
    filler = disk / "filler"
    with open(filler, "ab", buffering=0) as out:
        for size in (1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while out.write(b"x" * size) == size:
                    pass
    return filler


def facts(stack, disk, payment):
    import sqlite3
    handle = sqlite3.connect(f"file:{disk / 'till.db'}?mode=ro", uri=True, timeout=10)
    try:
        return (handle.execute("SELECT state, paid_us FROM payments WHERE id = ?", (payment["id"],)).fetchone(),
                handle.execute("SELECT count(*) FROM ledger WHERE payment_id = ?", (payment["id"],)).fetchone(),
                handle.execute("SELECT count(*) FROM events WHERE payment_id = ?", (payment["id"],)).fetchone(),
                handle.execute("SELECT count(*) FROM evidence").fetchone()[0] >= 0)
    finally:
        handle.close()


@test
def s_134_a_full_disk_refuses_and_heals_without_a_restart(_):
    stack, disk = on_a_small_disk(12)
    try:
        payments = [create(stack) for _ in range(30)]
        daemon = daemon_of(stack)
        filler = fill(disk)
        for _ in range(3000):  # the log of the database still has room of its own
            if stack.merchant().call("POST", "/v1/payments", order()).status == 503:
                break
        refused, taken = [], []
        for payment in payments:
            answer = deliver(stack, signed(stack, notice(stack, payment)))
            (taken if answer.body == b"success" else refused).append(payment)
        expect(refused, "thirty notifications fitted on a full disk")
        for payment in refused:
            state, ledger, told, _ = facts(stack, disk, payment)
            equal((state, ledger, told), ((0, 0), (0,), (0,)), "a refused notification's traces")
        for payment in taken:
            state, ledger, told, _ = facts(stack, disk, payment)
            equal((state[0], ledger, told), (1, (2,), (1,)), "an acknowledged notification's traces")
        unsure = stack.merchant().call("POST", "/v1/payments", order())
        expect(unsure.status == 503 and unsure.json()["retryable"] and unsure.json()["code"] in ("store_failed", "store_unknown"), unsure)
        equal(read(stack, refused[0])["state"], "pending", "reads go on")
        equal(request(stack.gateway_port, "GET", "/health").status, 200, "/health")
        filler.unlink()
        for payment in refused:
            answer = deliver(stack, signed(stack, notice(stack, payment)))
            equal((answer.status, answer.body), (200, b"success"), "after space returned")
            equal(read(stack, payment)["state"], "paid", "state")
        equal(daemon_of(stack), daemon, "the daemon's process")
        create(stack)
        wait_for(lambda: event_types(stack, refused[0]) == ["payment.succeeded"], "the event")
    finally:
        stack.gateway.stop()
        stack.close()
        subprocess.run(["umount", str(disk)], check=False)


# ---- failing disk


@contextlib.contextmanager
def failing_sync(pid, when):
    """The next (when-th) fsync or fdatasync of the process fails once, those after it would succeed."""
    tracer = subprocess.Popen(["strace", "-f", "-q", "-o", "/dev/null", "-p", str(pid), "-e", "trace=fsync,fdatasync",
                               "-e", f"inject=fsync,fdatasync:error=EIO:when={when}"], stderr=subprocess.PIPE)
    try:
        wait_for(lambda: tracer_of(pid), "strace being attached", 10)
        yield
    finally:
        tracer.terminate()
        tracer.wait()
        tracer.stderr.close()


def tracer_of(pid):
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
        for task in tasks:
            with open(f"/proc/{pid}/task/{task}/status", encoding="ascii", errors="replace") as status:
                if "TracerPid:\t0" in status.read():
                    return False
        return True
    except OSError:
        return True


@test
def s_135_a_failing_sync_ends_the_process_and_the_next_one_recovers(stack):
    for when in (1, 3):
        acknowledged = [create(stack) for _ in range(5)]
        waiting = [create(stack) for _ in range(3)]
        broken = daemon_of(stack)
        outcomes, bodies = {}, {payment["id"]: signed(stack, notice(stack, payment)) for payment in waiting}
        with failing_sync(broken, when):
            for turn in range(when + 4):
                name = number("E")
                try:
                    outcomes[name] = stack.merchant().call("POST", "/v1/payments", order(name), timeout=30).status
                except OSError:
                    outcomes[name] = None
                if daemon_of(stack) != broken:
                    break
            wait_for(lambda: daemon_of(stack) not in (0, broken), "a new process", 20)
        wait_for(lambda: alive(stack), "readiness after the restart", 20)
        expect(any(status is None or status >= 500 for status in outcomes.values()), f"when={when}: every create succeeded: {outcomes}")
        log = (stack.folder / "till.log").read_text(encoding="utf-8")
        expect('"event":"store_broken"' in log, "the log does not say why")
        for payment in acknowledged + waiting:
            equal(read(stack, payment)["state"], "pending", "what was acknowledged")
        for name, status in outcomes.items():
            if status == 201:
                equal(len(rows(stack, "SELECT 1 FROM payments WHERE out_trade_no = ?", name)), 1, "an acknowledged create")
            again = wait_for(lambda: (lambda a: a if a.status == 201 else None)(stack.merchant().call("POST", "/v1/payments", order(name), timeout=30)),
                             "the create again", 40)
            trades = [t for t in stack.control("GET", "/trades")["trades"] if t["out_trade_no"] == again.json()["upstream_no"]]
            equal(len(trades), 1, "orders upstream")
        for payment in waiting:
            equal(deliver(stack, bodies[payment["id"]]).body, b"success", "a notification afterwards")
            equal(read(stack, payment)["state"], "paid", "state")
        equal(rows(stack, "PRAGMA integrity_check"), [("ok",)], "integrity")


@test
def s_135_a_notification_whose_sync_fails_is_not_acknowledged(stack):
    payment = create(stack)
    body = signed(stack, notice(stack, payment))
    broken = daemon_of(stack)
    with failing_sync(broken, 1):
        answer = None
        with contextlib.suppress(OSError):
            answer = deliver(stack, body)
        expect(answer is None or answer.body != b"success", f"acknowledged: {answer}")
        wait_for(lambda: daemon_of(stack) not in (0, broken), "a new process", 20)
    wait_for(lambda: alive(stack), "readiness after the restart", 20)
    equal(deliver(stack, body).body, b"success", "the next delivery")
    equal(read(stack, payment)["state"], "paid", "state")
    equal(wait_for(lambda: event_types(stack, payment), "the event"), ["payment.succeeded"], "events")
    expect(ledger_is_balanced(stack), "the ledger does not balance")


# ---- stopping


class Load:
    """Merchants that order without pause; what came of each order."""

    def __init__(self, stack, clients):
        self.stack, self.answers, self.stop = stack, {}, threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self):
        merchant = self.stack.merchant()
        while not self.stop.is_set():
            name = number("L")
            try:
                self.answers[name] = merchant.call("POST", "/v1/payments", order(name), timeout=30).status
            except ConnectionRefusedError:
                self.answers[name] = "refused"
                time.sleep(0.02)
            except OSError:
                self.answers[name] = "cut"
                time.sleep(0.02)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        return dict(self.answers)


def check_books(stack, answers):
    """After a restart: acknowledged orders are there, repeating any of them gives one order, here and upstream."""
    known = dict(rows(stack, "SELECT out_trade_no, id FROM payments"))
    for name, outcome in answers.items():
        if outcome in (201, 202):
            expect(name in known, f"{name} was acknowledged with {outcome} and is lost")
        if outcome == "refused":
            expect(name not in known, f"{name} was refused and is there")
    doubtful = [name for name, outcome in answers.items() if outcome not in (201, "refused")][:40]
    for name in doubtful:
        wait_for(lambda: stack.merchant().call("POST", "/v1/payments", order(name), timeout=30).status == 201, f"{name} again", 40)
    numbers = [t["out_trade_no"] for t in stack.control("GET", "/trades")["trades"]]
    equal(len(numbers), len(set(numbers)), "orders upstream")
    equal(rows(stack, "SELECT payment_id FROM attempts GROUP BY payment_id HAVING count(*) > 1"), [], "payments with two attempts")


@test
def s_140_a_stop_under_load_answers_everything(stack):
    restart_gateway(stack, signal.SIGTERM)
    stack.control("POST", "/faults", {"operation": "precreate", "fault": "delay_answer", "count": 4, "after": 60, "argument": 20000})
    load = Load(stack, 12)
    wait_for(lambda: len(load.answers) > 80, "some load", 30)
    began = time.monotonic()
    status = stack.gateway.stop(signal.SIGTERM, 30)
    took = time.monotonic() - began
    answers = load.end()
    stack.control("DELETE", "/faults")
    equal(status, 0, "exit status")
    expect(took < DRAIN_S + 2, f"stopped after {took:.1f} s")
    outcomes = {}
    for outcome in answers.values():
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    expect(set(outcomes) <= {201, 202, 502, 503, "refused", "cut"}, f"answers: {outcomes}")
    expect(outcomes.get(201, 0) >= 60, f"answers: {outcomes}")
    before_restart = {name for (name,) in rows(stack, "SELECT out_trade_no FROM payments")}
    dropped = [name for name, outcome in answers.items() if outcome == "cut" and name in before_restart]
    equal(dropped, [], "orders that were taken up and never answered")
    expect('"event":"stopping"' in (stack.folder / "till.log").read_text(encoding="utf-8"), "the log does not say so")
    stack.start_gateway()
    check_books(stack, answers)


@test
def a_kill_while_stopping_loses_nothing(stack):
    stack.control("POST", "/faults", {"operation": "precreate", "fault": "delay_answer", "count": -1, "argument": 3000})
    load = Load(stack, 6)
    time.sleep(1.0)
    os.kill(stack.gateway.child.pid, signal.SIGTERM)
    time.sleep(0.6)
    stack.gateway.kill()
    answers = load.end()
    stack.control("DELETE", "/faults")
    stack.start_gateway()
    check_books(stack, answers)


@test
def a_second_signal_and_a_hangup_do_no_harm(stack):
    payment = create(stack)
    os.kill(daemon_of(stack), signal.SIGHUP)
    wait_for(lambda: '"event":"log_reopened"' in (stack.folder / "till.log").read_text(encoding="utf-8"), "the log being opened anew")
    moved = stack.folder / "moved.log"
    (stack.folder / "till.log").rename(moved)
    os.kill(daemon_of(stack), signal.SIGHUP)
    wait_for(lambda: (stack.folder / "till.log").exists(), "a new log file")
    os.kill(daemon_of(stack), signal.SIGPIPE)
    equal(read(stack, payment)["state"], "pending", "after the signals")
    child = stack.gateway.child
    child.send_signal(signal.SIGTERM)
    child.send_signal(signal.SIGTERM)
    child.send_signal(signal.SIGINT)
    equal(child.wait(20), 0, "exit status after three signals")
    stack.start_gateway()
    equal(read(stack, payment)["id"], payment["id"], "the payment")


@test
def a_killed_daemon_is_back_within_a_second(stack):
    payment = create(stack)
    killed = daemon_of(stack)
    began = time.monotonic()
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: daemon_of(stack) not in (0, killed) and alive(stack), "the next daemon", 20, 0.02)
    took = time.monotonic() - began
    expect(took < 5, f"back after {took:.2f} s")
    equal(settle(stack, payment)["state"], "paid", "the payment")
    equal(stack.gateway.running(), True, "the supervisor")


@test
def a_supervisor_that_is_killed_takes_its_daemon_along(stack):
    killed = daemon_of(stack)
    os.kill(stack.gateway.child.pid, signal.SIGKILL)
    stack.gateway.child.wait(10)
    wait_for(lambda: not os.path.exists(f"/proc/{killed}") or killed not in stack.gateway.relatives(), "the daemon's end", 10)
    stack.gateway.kill()
    stack.start_gateway()
    create(stack)


def setup():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return started(own_platform_key=True, upstream__timeout="4s", payments__create_deadline="5s")


if __name__ == "__main__":
    main(setup)
