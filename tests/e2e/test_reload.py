# SPDX-License-Identifier: Apache-2.0
"""Settings that change without a restart: SIGHUP and `till reload`, all or nothing; `till config check`, `diff` and `show`."""
import json
import os
import signal
import subprocess
import threading
import time

from tap import Receiver, admin_http, create, equal, expect, main, number, order, raw, request, settle, test, till, together, wait_for


def log_of(stack, event):
    lines = [json.loads(line) for line in (stack.folder / "till.log").read_text(encoding="utf-8").splitlines() if line]
    return [line for line in lines if line["event"] == event]


class Edited:
    """The stack's file with more lines; as it was afterwards, and in force again."""

    def __init__(self, stack, addition="", replace=None):
        self.stack, self.addition, self.replace = stack, addition, replace or {}

    def __enter__(self):
        self.kept = self.stack.config.read_text(encoding="utf-8")
        text = self.kept
        for old, new in self.replace.items():
            expect(old in text, f"{old} is not in the file")
            text = text.replace(old, new)
        self.stack.config.write_text(text + self.addition, encoding="utf-8")
        return self

    def __exit__(self, *_):
        self.stack.config.write_text(self.kept, encoding="utf-8")
        hang_up(self.stack)


def hang_up(stack):
    """SIGHUP as a service manager sends it: to the parent. Waits for the one line it ends in."""
    before = len(log_of(stack, "settings_reloaded")) + len(log_of(stack, "settings_refused"))
    os.kill(stack.gateway.child.pid, signal.SIGHUP)
    wait_for(lambda: len(log_of(stack, "settings_reloaded")) + len(log_of(stack, "settings_refused")) > before, "the reload")


def run(*words):
    return subprocess.run([str(till()), *map(str, words)], capture_output=True, text=True, timeout=60)


def reload(stack):
    return json.loads(run("reload", "--socket", stack.folder / "admin.sock", "--json").stdout)


def changes(answer):
    return {change["name"]: (change["from"], change["to"], change["takes_effect"]) for change in answer["changes"]}


def in_force(stack):
    rows = admin_http(stack, "GET", "/admin/config").json()["data"]
    return {row["name"]: row for row in rows}


@test
def a_hangup_lets_live_settings_take_effect_and_names_what_needs_a_restart(stack):
    with Edited(stack, "limits:\n  call_memory: 5MiB\nwebhook:\n  timeout: 7s\n  workers: 3\n"):
        hang_up(stack)
        line = log_of(stack, "settings_reloaded")[-1]
        equal(line["changed"], "limits.call_memory, webhook.timeout", "changed")
        equal(line["needs_restart"], "webhook.workers", "what waits")
        rows = in_force(stack)
        equal((rows["webhook.timeout"]["value"], rows["webhook.timeout"]["origin"]), ("7s", "file"), "in force")
        equal((rows["webhook.workers"]["value"], rows["webhook.workers"]["origin"]), ("4", "default"), "not in force")
        equal(changes(reload(stack)), {"webhook.workers": ("4", "3", "restart")}, "named again")
        create(stack)
    equal(in_force(stack)["webhook.timeout"]["value"], "15s", "as before")


@test
def one_wrong_setting_and_nothing_changes(stack):
    before = in_force(stack)
    cases = (("webhook:\n  timeout: 3s\nlog:\n  level: loud\n", "log"), ("webhook:\n  timeout: 3s\nnonsense: 1\n", "nonsense"),
             ("webhook:\n  timeout: 3s\n  per_endpoint: 65\n", "webhook.per_endpoint"), ("\nwebhook:\n  timeout: 3s\nhttp: 1\n", "http"),
             ("webhook:\n  timeout: 3s\nlimits: [1\n", "limits"))
    for addition, field in cases:
        with Edited(stack, addition):
            refused = len(log_of(stack, "settings_refused"))
            hang_up(stack)
            lines = log_of(stack, "settings_refused")
            equal(len(lines), refused + 1, f"lines about {addition!r}")
            expect(field in lines[-1]["field"], f"{addition!r}: {lines[-1]}")
            done = run("reload", "--socket", stack.folder / "admin.sock")
            expect(done.returncode == 1 and field in done.stderr, f"{addition!r}: {done}")
            equal(in_force(stack), before, addition)
            create(stack)
    stack.config.rename(stack.folder / "aside.yaml")
    try:
        hang_up(stack)
        equal(log_of(stack, "settings_refused")[-1]["field"], "file", "a file that is gone")
    finally:
        (stack.folder / "aside.yaml").rename(stack.config)
    equal(in_force(stack), before, "at the end")


@test
def s_131_a_reload_refuses_a_key_file_that_others_can_read(stack):
    before, key = in_force(stack), stack.folder / "master.key"
    secret = key.read_text(encoding="utf-8").strip()
    try:
        with Edited(stack, "webhook:\n  timeout: 3s\n"):
            for mode in (0o644, 0o640, 0o602):
                key.chmod(mode)
                hang_up(stack)
                equal(log_of(stack, "settings_refused")[-1]["field"], "secrets.master_key_file", f"mode {mode:o}")
                equal(in_force(stack), before, f"in force with mode {mode:o}")
            key.chmod(0o600)
            hang_up(stack)
            equal(in_force(stack)["webhook.timeout"]["value"], "3s", "the good neighbour")
    finally:
        key.chmod(0o600)
    expect(secret not in (stack.folder / "till.log").read_text(encoding="utf-8"), "the master key is in the log")


@test
def the_log_level_changes_both_ways(stack):
    with Edited(stack, replace={"log:\n": "log:\n  level: warn\n"}):
        hang_up_without_a_line(stack)
        flows = len(log_of(stack, "flow"))
        create(stack)
        equal(len(log_of(stack, "flow")), flows, "lines at level warn")
        expect(not log_of(stack, "exchange"), "exchanges are written without log.debug")
        stack.config.write_text(self_text(stack).replace("level: warn", "debug: true"), encoding="utf-8")
        hang_up(stack)
        create(stack)
        expect(log_of(stack, "exchange"), "no exchange is written with log.debug")
    exchanges, flows = len(log_of(stack, "exchange")), len(log_of(stack, "flow"))
    create(stack)
    equal(len(log_of(stack, "exchange")), exchanges, "exchanges after log.debug")
    expect(len(log_of(stack, "flow")) > flows, "no line at level info")


def self_text(stack):
    return stack.config.read_text(encoding="utf-8")


def hang_up_without_a_line(stack):
    """At level warn the reload itself is not logged; the settings say when it is done."""
    os.kill(stack.gateway.child.pid, signal.SIGHUP)
    wait_for(lambda: in_force(stack)["log.level"]["value"] == "warn", "level warn")


@test
def outbound_permit_opens_and_closes(stack):
    receiver = Receiver()
    try:
        body = {**order(), "notify_url": receiver.url}
        is_refused = stack.merchant().call("POST", "/v1/payments", body)
        equal((is_refused.status, is_refused.json()["code"]), (400, "url_forbidden"), "before")
        permitted = f"127.0.0.1:{stack.sandbox_port}"
        with Edited(stack, replace={permitted: f"{permitted},127.0.0.1:{receiver.port}"}):
            hang_up(stack)
            payment = create(stack, notify_url=receiver.url)
            settle(stack, payment)
            wait_for(lambda: receiver.messages, "the webhook")
        again = stack.merchant().call("POST", "/v1/payments", {**order(), "notify_url": receiver.url})
        equal((again.status, again.json()["code"]), (400, "url_forbidden"), "after")
    finally:
        receiver.close()


@test
def trusted_proxies_and_limits_of_the_listener_change(stack):
    def peer():
        request(stack.gateway_port, "GET", "/v1/payments", headers={"X-Forwarded-For": "192.0.2.77"})
        return log_of(stack, "flow")[-1]["peer"]
    equal(peer(), "127.0.0.1", "nobody is trusted")
    with Edited(stack, replace={"http:\n": "http:\n  trusted_proxies: 127.0.0.1\n  body_max: 1KiB\n  header_timeout: 300ms\n"}):
        hang_up(stack)
        equal(peer(), "192.0.2.77", "behind the proxy")
        merchant = stack.merchant()
        equal(merchant.call("POST", "/v1/payments", order(subject="x" * 2000)).status, 413, "a body above the new limit")
        _, closed = raw(stack.gateway_port, b"GET /ping HTTP/1.1\r\nHost", 8)
        expect(closed, "a head that never ends is not cut after the new time")
    equal(peer(), "127.0.0.1", "nobody is trusted any more")
    equal(stack.merchant().call("POST", "/v1/payments", order(metadata={"a": "x" * 400, "b": "x" * 400, "c": "x" * 400})).status, 201, "the old limit")


@test
def a_shorter_timeout_reaches_connections_that_are_open(stack):
    import socket
    with socket.create_connection(("127.0.0.1", stack.gateway_port), timeout=20) as idle:
        idle.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
        expect(idle.recv(4096).startswith(b"HTTP/1.1 200"), "no answer")
        with Edited(stack, replace={"http:\n": "http:\n  idle_timeout: 1s\n"}):
            hang_up(stack)
            equal(idle.recv(4096), b"", "the idle connection after its new time")


@test
def the_command_line_stays_stronger(stack):
    with Edited(stack, "webhook:\n  per_endpoint: 9\npayments:\n  settle_grace: 1m\n"):
        hang_up(stack)
        row = in_force(stack)["payments.settle_grace"]
        equal((row["value"], row["origin"]), ("2s", "command line"), "settle_grace")
        equal(in_force(stack)["webhook.per_endpoint"]["value"], "9", "per_endpoint")


@test
def a_reload_under_load_loses_nothing(stack):
    """Forty reloads, good and bad ones, while eight merchants create and read: every answer is the one it would be anyway."""
    stopping, bad, made = threading.Event(), [], []

    def load(_):
        merchant = stack.merchant()
        while not stopping.is_set():
            answer = merchant.call("POST", "/v1/payments", order(number("L")))
            if answer.status != 201:
                bad.append(answer)
                return
            made.append(answer.json()["id"])
            answer = merchant.call("GET", f"/v1/payments/{made[-1]}")
            if answer.status != 200:
                bad.append(answer)

    def shake():
        good = self_text(stack)
        try:
            for turn in range(40):
                addition = "" if turn % 3 == 0 else f"http:\n  workers: {turn}\n" if turn % 3 == 1 else \
                    f"webhook:\n  timeout: {turn}s\nlimits:\n  call_memory: {4 + turn % 4}MiB\n"
                changed = good.replace("http:\n", f"http:\n  workers_max: {8 + turn}\n  connections_per_address: {200 + turn}\n") if turn % 2 else good
                stack.config.write_text(changed + addition, encoding="utf-8")
                os.kill(stack.gateway.child.pid, signal.SIGHUP) if turn % 4 else run("reload", "--socket", stack.folder / "admin.sock")
                time.sleep(0.03)
        finally:
            stack.config.write_text(good, encoding="utf-8")
            hang_up(stack)
            stopping.set()
    together(9, lambda index: shake() if index == 8 else load(index))
    expect(not bad, f"{len(bad)} answers, the first: {bad and bad[0]}")
    expect(len(made) > 8 and len(set(made)) == len(made), f"{len(made)} payments")
    expect(log_of(stack, "settings_refused") and log_of(stack, "settings_reloaded"), "no reload of each kind")
    settle(stack, create(stack))


# ---- till config


@test
def check_tells_all_that_is_wrong_and_what_is_weak(stack):
    done = run("config", "check", stack.config)
    equal(done.returncode, 0, done.stdout + done.stderr)
    expect("is good" in done.stdout and "weak: outbound.permit" in done.stdout, done.stdout)
    with Edited(stack, replace={"http:\n": "http:\n  tls_key: /nowhere\n  trusted_proxies: somebody\n", "log:\n": "log:\n  level: loud\n"}):
        done = run("config", "check", stack.config)
        equal(done.returncode, 1, "status")
        for name in ("log.level", "http.tls_key", "http.trusted_proxies"):
            expect(f"wrong: {name}" in done.stdout, f"{name}: {done.stdout}")
        verdict = json.loads(run("config", "check", stack.config, "--json").stdout)
        equal((verdict["good"], sorted(problem["setting"] for problem in verdict["problems"])), (False, ["http.tls_key", "http.trusted_proxies", "log.level"]), "as JSON")
        equal(run("config", "check", stack.config, "--set", "log.level=info", "--set", "http.tls_key=", "--set", "http.trusted_proxies=").returncode, 0, "with --set")
    with Edited(stack, "surprise: 1\n"):
        done = run("config", "check", stack.config)
        expect(done.returncode == 1 and "till.yaml, line" in done.stdout and "surprise" in done.stdout, done.stdout)
    equal(run("config", "check").returncode, 2, "without a file")
    equal(run("config", "check", "/nowhere/till.yaml").returncode, 1, "a file that is not there")


@test
def diff_tells_what_a_reload_would_change_and_changes_nothing(stack):
    socket_words = ("--socket", stack.folder / "admin.sock")
    equal(changes(json.loads(run("config", "diff", *socket_words, "--json").stdout)), {}, "nothing")
    with Edited(stack, "webhook:\n  timeout: 7s\n  workers: 3\n"):
        before = in_force(stack)
        found = changes(json.loads(run("config", "diff", *socket_words, "--json").stdout))
        equal(found, {"webhook.timeout": ("15s", "7s", "reload"), "webhook.workers": ("4", "3", "restart")}, "diff")
        equal(in_force(stack), before, "in force")
        text = run("config", "diff", stack.config).stdout
        expect('webhook.timeout' in text and '"15s" -> "7s"' in text and "waits for one" in text, text)
        defaults = json.loads(run("config", "diff", stack.config, "--defaults", "--json").stdout)
        expect({"webhook.timeout", "webhook.workers", "public_url", "http.port"} <= set(changes(defaults)), defaults)
        expect("upstream.timeout" not in changes(defaults), "a default differs from itself")
    with Edited(stack, "webhook:\n  timeout: 99h\n"):
        done = run("config", "diff", *socket_words)
        expect(done.returncode == 1 and "webhook.timeout" in done.stderr, done.stderr)
    expect('payments.settle_grace' in run("config", "show", "-c", stack.config).stdout, "show")


main(payments__settle_grace="2s")
