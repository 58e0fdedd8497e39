# SPDX-License-Identifier: Apache-2.0
"""The breaker and the bulkhead of an account with real processes: a relay before the sandbox lets the calls of one account fail, call by call, in
exact parts. The account rests, others do not, another one takes over, the answer and the cashier say what still works, probes end it. Windows are
shorter here than by default, so that the file is; the boundaries in time are tests/unit/gateway/breaker_rules_test.c's."""
import contextlib
import http.client
import http.server
import itertools
import json
import subprocess
import threading
import time

from tap import Merchant, discrepancies, equal, expect, free_port, main, new_stack, request, settle, test, till, wait_for

WINDOW_S, PAUSE_S = 2, 1
PLACES, FOR_WHAT_IS_OWED, SWEEPERS = 12, 8, 4
LIVE = {"breaker": {"window": f"{WINDOW_S}s", "pause": f"{PAUSE_S}s", "pause_max": "2s"}, "upstream": {"in_flight_max": PLACES}}
MARK = "# of this test\n"
numbers = itertools.count(1)


class Relay:
    """Stands before the sandbox; `decide(n)` says what becomes of the n-th call: None (forwarded), "fail" (502), "cut", or seconds to wait."""

    def __init__(self, port, target):
        self.port, self.lock, self.calls, self.failed, self.now, self.most = port, threading.Lock(), 0, 0, 0, 0
        self.decide = lambda n: None
        relay = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with relay.counted() as fate:
                    if isinstance(fate, float):
                        time.sleep(fate)
                    if fate == "cut":
                        self.close_connection = True
                        return
                    status, kind, answer = (502, "text/html", b"bad gateway") if fate == "fail" else forward(target, self, body)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *who: None  # a peer that went away; the tests look at what comes of it
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @contextlib.contextmanager
    def counted(self):
        with self.lock:
            self.calls += 1
            fate = self.decide(self.calls)
            self.failed += fate in ("fail", "cut")
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            yield fate
        finally:
            with self.lock:
                self.now -= 1

    def behave(self, decide=lambda n: None):
        with self.lock:
            self.decide, self.calls, self.failed, self.most = decide, 0, 0, 0


def forward(target, handler, body):
    connection = http.client.HTTPConnection("127.0.0.1", target, timeout=30)
    headers = {name: value for name, value in handler.headers.items() if name.lower() in ("content-type", "accept")}
    connection.request(handler.command, handler.path, body=body, headers=headers)
    answer = connection.getresponse()
    kept = answer.status, answer.getheader("Content-Type", "text/plain"), answer.read()
    connection.close()
    return kept


def account(stack, name, port):
    """An account of its own at the platform, behind the relay at `port`."""
    keys = stack.folder / "keys"
    platform = stack.control("POST", "/apps", {"name": name, "public_key": (keys / "app_public_key.pem").read_text(encoding="utf-8")})
    public = stack.folder / f"{platform['app_id']}.pem"
    public.write_text(platform["platform_public_key"], encoding="utf-8")
    settings = {"app_id": platform["app_id"], "seller_id": platform["seller_id"], "private_key": f"@{keys / 'app_private_key.pem'}",
                "platform_public_key": f"@{public}", "gateway_url": f"http://127.0.0.1:{port}/alipay/gateway.do"}
    return stack.admin("account", "add", "--app", stack.app["id"], "--channel", "alipay", "--name", name,
                       *[word for key, value in settings.items() for word in ("--set", f"{key}={value}")])


def write_settings(stack, **changes):
    """Those of LIVE with these changes ("breaker__window") at the end of the file."""
    groups = {name: dict(leaves) for name, leaves in LIVE.items()}
    for name, value in changes.items():
        group, _, leaf = name.partition("__")
        groups.setdefault(group, {})[leaf] = value
    kept = stack.config.read_text(encoding="utf-8").partition(MARK)[0]
    lines = [f"{group}:\n" + "".join(f"  {leaf}: {value}\n" for leaf, value in leaves.items()) for group, leaves in groups.items()]
    stack.config.write_text(kept + MARK + "".join(lines), encoding="utf-8")


def reload(stack, **changes):
    write_settings(stack, **changes)
    return stack.admin("reload")


def setup():
    ports = [free_port(), free_port()]
    stack = new_stack(payments__create_deadline="4s", payments__ask_after="1s", payments__ask_slowest="2s", payments__settle_grace="1s")
    stack.start_sandbox()
    stack.init()
    write_settings(stack)
    stack.overrides["outbound.permit"] = " ".join(f"127.0.0.1:{port}" for port in (stack.sandbox_port, *ports))
    stack.start_gateway()
    stack.verb("key", "make", "--out", stack.folder / "keys")
    stack.app = stack.admin("app", "add", "--name", "Coffee shop", "--mode", "test")
    key = stack.admin("app", "key", "--app", stack.app["id"])
    stack.hands = Merchant(stack.gateway_port, key["id"], bytes.fromhex(key["secret"]))
    stack.merchant = lambda: stack.hands
    stack.relays = [Relay(port, stack.sandbox_port) for port in ports]
    stack.first, stack.second = [account(stack, name, port)["id"] for name, port in zip(("main", "spare"), ports)]
    route(stack, "put", "--position", "1", "--account", stack.first)
    return stack


def route(stack, part, *words):
    return stack.admin("route", part, "--app", stack.app["id"], *words)


def order(stack, **fields):
    return stack.hands.create(f"breaker-{next(numbers)}", **fields)


def breaker(stack, which=None):
    return next(row["breaker"] for row in stack.admin("account", "list")["data"] if row["id"] == (which or stack.first))


def state(stack, which=None):
    return breaker(stack, which)["state"]


def metric(stack, name, **labels):
    wanted = ",".join(f'{key}="{value}"' for key, value in labels.items())
    lines = request(stack.private_port, "GET", "/metrics").text.splitlines()
    return sum(int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name}{{{wanted}}} "))


def drive(stack, until, seconds, **fields):
    """Eight merchants' threads order without a pause until that is true; whether it came true."""
    ended, came = time.monotonic() + seconds, threading.Event()

    def go():
        while time.monotonic() < ended and not came.is_set():
            order(stack, **fields)
    threads = [threading.Thread(target=go) for _ in range(8)]
    for thread in threads:
        thread.start()
    while time.monotonic() < ended and not came.is_set():
        if until():
            came.set()
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    return came.is_set()


def in_turns(pattern):
    """"F" fails, "." is forwarded."""
    return lambda n: "fail" if pattern[n % len(pattern)] == "F" else None


def rest(stack):
    stack.relays[0].behave(lambda n: "fail")
    expect(drive(stack, lambda: state(stack) == "open", 30, account=stack.first), "all calls fail and the breaker stays closed")


def recover(stack):
    """Probes of new orders close it."""
    stack.relays[0].behave()
    expect(drive(stack, lambda: state(stack) == "closed", 30, account=stack.first), f"probes do not close it: {breaker(stack)}")


# ---- opening


@test
def exactly_half_failing_never_opens_it(stack):
    relay = stack.relays[0]
    relay.behave(in_turns("F."))
    expect(not drive(stack, lambda: state(stack) == "open", 3 * WINDOW_S, account=stack.first), f"half failed and it opened: {breaker(stack)}")
    expect(relay.failed >= 10 and abs(2 * relay.failed - relay.calls) <= 1, (relay.failed, relay.calls))


@test
def declines_alone_never_open_it(stack):
    stack.relays[0].behave()
    stack.control("POST", "/faults", {"operation": "precreate", "fault": "refuse", "argument": "ACQ.INVALID_PARAMETER", "count": -1})
    try:
        expect(not drive(stack, lambda: state(stack) == "open", 2 * WINDOW_S, account=stack.first), "declines opened it")
        equal(order(stack, account=stack.first).json()["code"], "channel_declined", "the answer")
        shown = breaker(stack)
        expect(shown["calls"] >= 10 and shown["failures"] == 0, shown)
    finally:
        stack.control("DELETE", "/faults")


@test
def sixty_in_a_hundred_failing_open_it_and_the_other_account_is_untouched(stack):
    relay = stack.relays[0]
    before = metric(stack, "till_breaker_opened_total", account=stack.first)
    relay.behave(in_turns("FF.F."))
    began = time.monotonic()
    expect(drive(stack, lambda: state(stack) == "open", 30, account=stack.first), f"60 % failed and it stays closed: {breaker(stack)}")
    expect(time.monotonic() - began >= WINDOW_S, "it opened before the window was over")
    expect(metric(stack, "till_breaker_opened_total", account=stack.first) > before, "no opening was counted")
    equal((state(stack, stack.second), breaker(stack, stack.second)["failures"]), ("closed", 0), "the other account")
    equal(order(stack, account=stack.second).status, 201, "an order at the other account")
    lines = [json.loads(line) for line in (stack.folder / "till.log").read_text(encoding="utf-8").splitlines() if '"event":"breaker"' in line]
    opened = [line for line in lines if line["account"] == stack.first and line["state"] == "open"]
    expect(opened and opened[0]["before"] == "closed" and 2 * opened[0]["failures"] > opened[0]["calls"] >= 10, lines)


@test
def probes_close_it_and_what_was_left_unknown_is_settled(stack):
    recover(stack)
    equal(order(stack, account=stack.first).status, 201, "an order after it")

    def unknown():
        return stack.admin("status")["attempts_unknown"]
    wait_for(lambda: unknown() == 0, "the end of every unknown outcome", 30)
    equal(discrepancies(stack), [], "discrepancies")


@test
def thresholds_change_without_a_restart_and_a_bad_file_changes_nothing(stack):
    """A reload while calls fail: too few of them for the new least number, the same after a file that is refused, enough for the old one."""
    stack.relays[0].behave(lambda n: "fail")
    lenient = {"breaker__calls_min": 100000, "breaker__window": "1s"}
    changed = reload(stack, **lenient)["changes"]
    equal({row["name"]: row["takes_effect"] for row in changed}, {"breaker.calls_min": "reload", "breaker.window": "reload"}, "what changed")
    expect(not drive(stack, lambda: state(stack) == "open", 3, account=stack.first), f"it opened below calls_min: {breaker(stack)}")
    for bad in ({"breaker__calls_min": 0}, {"breaker__calls_min": 10, "breaker__pause_max": "forever"}, {"breaker__calls_min": 10, "breaker__surprise": 1}):
        write_settings(stack, **bad)
        done = subprocess.run([till(), "reload", "--socket", stack.folder / "admin.sock"], capture_output=True, text=True, timeout=60)
        equal((done.returncode, "breaker." in done.stderr), (1, True), f"till reload with {bad}: {done.stdout} {done.stderr}")
    write_settings(stack, **lenient)  # for the commands below, which read the file; nobody reloads it
    expect(not drive(stack, lambda: state(stack) == "open", 3, account=stack.first), f"a refused file changed it: {breaker(stack)}")
    shown = breaker(stack)
    expect(2 * shown["failures"] > shown["calls"] >= 10, f"nothing failed, so nothing was shown: {shown}")
    reload(stack, breaker__window="1s")
    expect(drive(stack, lambda: state(stack) == "open", 30, account=stack.first), f"it stays closed under the old threshold: {breaker(stack)}")
    reload(stack)
    recover(stack)


# ---- what is said meanwhile


@test
def while_it_rests_nothing_leaves_and_the_answer_says_what_works(stack):
    rest(stack)
    stack.admin("account", "breaker", stack.first, "open")  # so that no probe comes in between
    before = stack.relays[0].calls
    refused = metric(stack, "till_upstream_refused_total", account=stack.first, reason="resting")
    for _ in range(5):
        answer = order(stack)
        problem = answer.json()
        equal((answer.status, problem["code"], problem["retryable"]), (503, "channel_unavailable", True), "the answer")
        expect(1 <= int(answer.headers["retry-after"]) <= 2, answer.headers)
        equal([(way["channel"], way["account"], way["name"]) for way in problem["works"]], [("alipay", stack.second, "spare")], "what works")
        expect("precreate" in problem["works"][0]["products"], problem)
        payment = stack.hands.call("GET", f"/v1/payments/{problem['payment_id']}").json()
        equal((payment["state"], payment["channel_code"]), ("pending", "account_resting"), "the payment")
    expect(metric(stack, "till_upstream_refused_total", account=stack.first, reason="resting") >= refused + 5, "refusals counted")
    equal(stack.relays[0].calls, before, "calls that left")
    equal(metric(stack, "till_breaker_state", account=stack.first), 2, "the gauge")
    equal(stack.admin("status")["breakers_open"], 1, "till status")


@test
def the_cashier_says_so_to_the_buyer_and_goes_on_by_itself(stack):
    payment = stack.hands.call("GET", f"/v1/payments/{order(stack).json()['payment_id']}").json()
    path = "/" + payment["cashier_url"].split("/", 3)[3]
    page = request(stack.gateway_port, "GET", path).text
    expect("This way to pay is resting" in page and "Still works: Alipay by another account of the shop" in page, page)
    page = request(stack.gateway_port, "GET", path + "?lang=zh").text
    expect("仍可使用：支付宝" in page, page)
    resting = request(stack.gateway_port, "GET", path + "/state").json()
    stack.admin("account", "breaker", stack.first, "auto")
    stack.relays[0].behave()
    awake = request(stack.gateway_port, "GET", path + "/state").json()
    expect(resting["version"] != awake["version"], (resting, awake))
    equal(request(stack.gateway_port, "POST", path + "/renew").status, 303, "pressing the button")
    expect("id=\"code\"" in request(stack.gateway_port, "GET", path).text, "the code after it")


@test
def the_next_account_of_the_table_takes_the_order(stack):
    stack.admin("account", "breaker", stack.first, "open")
    route(stack, "put", "--position", "2", "--account", stack.second)
    before = stack.relays[0].calls
    answer = order(stack)
    equal((answer.status, answer.json()["account"]), (201, stack.second), "the order")
    tried = stack.admin("attempt", "list", answer.json()["id"])["data"]
    equal([attempt["account"] for attempt in tried], [stack.first, stack.second], "its attempts")
    equal(stack.relays[0].calls, before, "calls that left for the resting one")
    settle(stack, answer.json())
    stack.admin("account", "breaker", stack.second, "open")
    problem = order(stack).json()
    equal((problem["code"], problem["works"]), ("channel_unavailable", []), "when nothing is left")
    for account_id in (stack.first, stack.second):
        equal(stack.admin("account", "breaker", account_id, "auto")["state"], "closed", "by itself again")
    equal(order(stack).json()["account"], stack.first, "the first one again")
    route(stack, "remove", "--position", "2")
    equal([(row["position"], row["channel"]) for row in route(stack, "list")["data"]], [(1, "alipay")], "the rules that are left")


@test
def what_the_command_line_refuses(stack):
    for words, says in ((["account", "breaker", stack.first, "ajar"], "open, close or auto"), (["account", "breaker", "acc_nobody", "open"], "no such"),
                        (["route", "remove", "--app", stack.app["id"], "--position", "9"], "no rule"),
                        (["route", "put", "--app", stack.app["id"], "--position", "1", "--account", "acc_nobody"], "same app"),
                        (["route", "put", "--app", stack.app["id"], "--position", "1", "--account", stack.first, "--from", "5", "--to", "4"], "amount_min"),
                        (["route", "put", "--app", stack.app["id"], "--position", "1", "--account", stack.first, "--product", "nothing"], "product")):
        done = subprocess.run([till(), *words, "-c", stack.config, "--json"], capture_output=True, text=True, timeout=60)
        equal(done.returncode, 1, f"till {' '.join(words)}: {done.stdout}")
        expect(says in json.loads(done.stderr)["detail"], done.stderr)


# ---- the bulkhead


def crowd(stack, count):
    """So many orders at once at a platform that takes its time; their answers."""
    answers = []
    stack.relays[0].behave(lambda n: 1.5)
    threads = [threading.Thread(target=lambda: answers.append(order(stack, account=stack.first))) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@test
def places_are_given_and_taken_by_a_reload(stack):
    reload(stack, upstream__in_flight_max=2)
    few = crowd(stack, PLACES)
    expect(2 <= stack.relays[0].most <= 2 + FOR_WHAT_IS_OWED, f"{stack.relays[0].most} calls at once with two places")
    expect([answer for answer in few if answer.status == 503], [answer.status for answer in few])
    reload(stack, upstream__in_flight_max=2 * PLACES)
    many = crowd(stack, 2 * PLACES - SWEEPERS)
    equal({answer.status for answer in many}, {201}, "with places for all of them")
    expect(stack.relays[0].most > PLACES, f"{stack.relays[0].most} calls at once with {2 * PLACES} places")
    reload(stack)


@test
def no_more_calls_are_under_way_than_the_account_has_places(stack):
    relay, answers = stack.relays[0], crowd(stack, 3 * PLACES)
    taken = [answer for answer in answers if answer.status == 201]
    busy = [answer for answer in answers if answer.status == 503]
    equal(len(taken) + len(busy), 3 * PLACES, f"answers: {[answer.status for answer in answers]}")
    expect(busy and len(taken) >= PLACES, (len(taken), len(busy)))
    expect(PLACES <= relay.most <= PLACES + FOR_WHAT_IS_OWED, f"{relay.most} calls at once")
    for answer in busy:
        equal((answer.json()["code"], "upstream.in_flight_max" in answer.json()["detail"]), ("channel_unavailable", True), "the answer of a busy account")
    equal(state(stack), "closed", "being busy is no failure")
    expect(metric(stack, "till_upstream_refused_total", account=stack.first, reason="busy") >= len(busy), "refusals counted")
    relay.behave()
    # The sweep asks after all the unpaid orders of this file, four at a time, and may always be at it.
    wait_for(lambda: metric(stack, "till_upstream_in_flight", account=stack.first) <= SWEEPERS, "an account that only the sweep asks")


main(setup)
