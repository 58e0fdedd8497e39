# SPDX-License-Identifier: Apache-2.0
"""What merchants are told: security cases S-102 to S-110 with receivers of the test, and the demo shop, which ships once."""
import base64
import contextlib
import hashlib
import hmac
import json
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from tap import (Process, Receiver, await_state, create, equal, event_types, events, expect, free_port, is_problem, main, metric, metric_sum,
                 new_stack, number, order, read, request, restart_gateway, rows, second_merchant, settle, test, together, wait_for)

EARS = 20  # ports that outbound.permit names, taken by one test each


def setup():
    stack = new_stack(webhook__timeout="2s", payments__ask_after="30s")
    stack.ears = [free_port() for _ in range(EARS)]
    ports = [stack.sandbox_port, stack.shop_port, *stack.ears]
    stack.overrides["outbound.permit"] = " ".join(f"127.0.0.1:{port}" for port in ports)
    stack.start_sandbox()
    stack.init()
    stack.start_gateway()
    stack.provision(hosts=f"127.0.0.1:{stack.shop_port} shop.example")
    stack.start_shop()
    return stack


def ear(stack, answer=None):
    return Receiver(answer, stack.ears.pop())


def add_endpoint(stack, url, merchant=None):
    answer = (merchant or stack.merchant()).call("POST", "/v1/webhook-endpoints", {"url": url})
    expect(answer.status == 201, answer)
    return answer.json()


@contextlib.contextmanager
def endpoint(stack, receiver):
    made = add_endpoint(stack, receiver.url)
    try:
        yield made, receiver
    finally:
        stack.admin("endpoint", "disable", made["id"])
        receiver.close()


def secret_bytes(text):
    return base64.b64decode(text.removeprefix("whsec_"))


def signature(secret, identity, timestamp, body):
    return base64.b64encode(hmac.new(secret, f"{identity}.{timestamp}.".encode() + body, hashlib.sha256).digest()).decode()


def check_message(message, secret):
    """A receiver's own check, written from the standard."""
    headers = message["headers"]
    entries = headers["webhook-signature"].split(" ")
    wanted = "v1," + signature(secret_bytes(secret), headers["webhook-id"], headers["webhook-timestamp"], message["body"])
    expect(wanted in entries, f"{entries} does not hold {wanted}")
    expect(abs(int(headers["webhook-timestamp"]) - message["at"]) < 5, headers["webhook-timestamp"])
    equal(headers["content-type"], "application/json", "content type")
    version, trace, span, flags = headers["traceparent"].split("-")
    expect(version == "00" and len(trace) == 32 and len(span) == 16 and flags == "01" and int(trace, 16), headers["traceparent"])
    return json.loads(message["body"])


def deliveries(stack, event):
    return stack.merchant().call("GET", f"/v1/deliveries?event_id={event}").json()["data"]


def delivery_to(stack, payment, made):
    """The newest event's delivery to one endpoint."""
    found = [d for e in events(stack, payment) for d in deliveries(stack, e["id"]) if d["endpoint_id"] == made["id"]]
    return found[-1] if found else None


def await_delivery(stack, payment, made, seconds=20, **wanted):
    return wait_for(lambda: (lambda d: d if d and all(d[k] == v for k, v in wanted.items()) else None)(delivery_to(stack, payment, made)),
                    f"a delivery with {wanted}; it is {delivery_to(stack, payment, made)}", seconds)


@test
def a_webhook_is_signed_and_tells_the_payment(stack):
    with endpoint(stack, ear(stack)) as (made, receiver):
        payment = create(stack, metadata={"table": "4"})
        settle(stack, payment)
        message = wait_for(lambda: receiver.messages, "the webhook")[0]
        body = check_message(message, made["secret"])
        equal((body["type"], body["data"]["id"], body["data"]["amount"], body["data"]["state"], body["data"]["sequence"]),
              ("payment.succeeded", payment["id"], 990, "paid", 1), "content")
        equal(body["data"]["metadata"], {"table": "4"}, "metadata")
        event = wait_for(lambda: events(stack, payment), "the event")[0]
        equal((message["headers"]["webhook-id"], event["body"]), (event["id"], body), "the event in the API")
        await_delivery(stack, payment, made, state="delivered", attempts=1, last_status=200)


def own_mounts():
    """A command prefix that gives the program mounts of its own, also in a chroot whose root is no mount point."""
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0:
        return ["unshare", "-m"]
    shared = "shared:" in Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    expect(not shared, "mounts are shared and cannot be made private here; run the tests as root outside of a chroot")
    return ["unshare", "-m", "--propagation", "unchanged"]


@test
def s_102_a_name_that_moves_inside_is_not_followed_there(stack):
    hosts = stack.folder / "hosts"
    inside = Receiver()  # its port is permitted to nobody
    other = new_stack(webhook__timeout="2s")
    other.shop_port = free_port()
    try:
        hosts.write_text("127.0.0.1 localhost\n93.184.216.34 hooks.moving.example\n", encoding="utf-8")
        other.start_sandbox()
        other.init()
        words = [*own_mounts(), "sh", "-c", f"mount --bind {hosts} /etc/hosts && exec \"$@\"", "sh"]
        other.gateway = Process([*words, other.till, "serve", "-c", other.config, "--set", "webhook.timeout=2s"], other.folder / "gateway.log").start()
        other.await_port(other.gateway, other.gateway_port, "/ready")
        other.provision()
        made = add_endpoint(other, f"http://hooks.moving.example:{inside.port}/hook")
        is_problem(other.merchant().call("POST", "/v1/webhook-endpoints", {"url": f"http://localhost:{inside.port}/hook"}), 400, "url_forbidden", "/url")
        payment = create(other)
        hosts.write_text("127.0.0.1 localhost\n127.0.0.1 hooks.moving.example\n", encoding="utf-8")
        settle(other, payment)
        failed = wait_for(lambda: (lambda d: d if d and d["attempts"] else None)(delivery_to(other, payment, made)), "an attempt")
        equal((failed["state"], inside.messages), ("pending", []), "the delivery, and who was called")
        expect(failed["last_reason"].split(":")[0] in ("policy", "connect"), failed)
    finally:
        inside.close()
        other.gateway and other.gateway.stop()
        other.close()


@test
def s_103_a_redirect_is_a_failed_attempt(stack):
    beyond = ear(stack)
    for target in ("http://10.0.0.5/", beyond.url, "/elsewhere"):
        with endpoint(stack, ear(stack, lambda message, _: (302, {"Location": target}, b""))) as (made, receiver):
            payment = create(stack)
            settle(stack, payment)
            failed = wait_for(lambda: (lambda d: d if d and d["attempts"] else None)(delivery_to(stack, payment, made)), "an attempt")
            equal((failed["state"], failed["last_status"]), ("pending", 302), target)
            equal(len(receiver.messages), 1, "requests at the endpoint")
    equal(beyond.messages, [], "requests at the address of the redirect")
    beyond.close()


@test
def s_104_addresses_inside_are_no_endpoints(stack):
    for url in ("https://[::ffff:127.0.0.1]/hook", "https://[::1]/hook", "https://127.0.0.1/hook", "http://10.1.2.3/", "http://192.168.0.1/",
                "http://172.16.0.1/", "http://169.254.169.254/", "http://100.64.0.1/", "http://[fe80::1]/", "http://[fd00::1]/", "http://0/",
                "http://[64:ff9b::7f00:1]/", "ftp://shop.example/", "https://user:pw@shop.example/", "not an address", ""):
        before = rows(stack, "SELECT count(*) FROM endpoints")
        answer = stack.merchant().call("POST", "/v1/webhook-endpoints", {"url": url})
        is_problem(answer, 400, "url_forbidden", "/url")
        equal(rows(stack, "SELECT count(*) FROM endpoints"), before, "endpoints")
    public = add_endpoint(stack, "https://shop.example/hook")
    stack.admin("endpoint", "disable", public["id"])


@test
def s_105_a_kill_before_the_mark_delivers_the_same_again(stack):
    with endpoint(stack, ear(stack)) as (made, receiver):
        for point in ("W6",):
            payment = create(stack)
            before = len(receiver.messages)
            restart_gateway(stack, env={"TILL_FAILPOINTS": f"{point}=kill"}, arguments=["--no-supervise"])
            stack.control("POST", f"/trades/{payment['upstream_no']}/scan", {})
            stack.pay(payment["upstream_no"])
            stack.gateway.child.wait(20)
            equal(stack.gateway.child.returncode, -signal.SIGKILL, f"end at {point}")
            wait_for(lambda: len(receiver.messages) == before + 1, "the first delivery")
            stack.start_gateway()
            # The dead process's lease runs out first: webhook.timeout + 15 s.
            second = wait_for(lambda: len(receiver.messages) >= before + 2 and receiver.messages[-1], "the second delivery", 30)
            first = receiver.messages[before]
            equal((second["headers"]["webhook-id"], second["body"]), (first["headers"]["webhook-id"], first["body"]), "id and body")
            check_message(second, made["secret"])
            await_delivery(stack, payment, made, state="delivered")
            equal(wait_for(lambda: event_types(stack, payment), "the event"), ["payment.succeeded"], "events")


@test
def s_106_what_failed_is_sent_again_in_sequence_order_by_number(stack):
    ready = threading.Event()
    with endpoint(stack, ear(stack, lambda message, _: (200, {}, b"ok") if ready.is_set() else (500, {}, b"down"))) as (made, receiver):
        payment = create(stack, amount=500)
        settle(stack, payment)
        refund = stack.merchant().call("POST", f"/v1/payments/{payment['id']}/refunds", {"amount": 200, "out_refund_no": number("R")})
        equal(refund.json()["state"], "succeeded", "refund")
        wait_for(lambda: len(receiver.messages) >= 2, "first attempts")
        ready.set()
        wait_for(lambda: len(receiver.messages) >= 4, "second attempts", 20)
        bodies = {}
        for message in receiver.messages:
            check_message(message, made["secret"])
            bodies.setdefault(message["headers"]["webhook-id"], set()).add(message["body"])
        equal(sorted(len(versions) for versions in bodies.values()), [1, 1], "different bodies under one id")
        sequences = sorted((json.loads(next(iter(v)))["data"]["sequence"], json.loads(next(iter(v)))["type"]) for v in bodies.values())
        equal(sequences, [(1, "payment.succeeded"), (2, "refund.succeeded")], "sequence numbers")


@test
def s_107_no_event_is_ever_skipped(stack):
    with endpoint(stack, ear(stack)) as (made, receiver):
        start = stack.merchant().call("GET", "/v1/events?limit=100").json()
        while start["data"]:
            start = stack.merchant().call("GET", f"/v1/events?limit=100&after={start['next_after']}").json()
        seen, stop = [], threading.Event()

        def follow():
            after = start["next_after"]
            while not stop.is_set():
                page = stack.merchant().call("GET", f"/v1/events?after={after}&limit=7").json()
                seen.extend(page["data"])
                after = page["next_after"]
                time.sleep(0.02)
        reader = threading.Thread(target=follow)
        reader.start()
        try:
            payments = together(40, lambda _: create(stack))
            for payment in payments:
                stack.control("POST", f"/trades/{payment['upstream_no']}/scan", {})
            together(40, lambda i: stack.pay(payments[i]["upstream_no"]))
            for payment in payments:
                await_state(stack, payment, "paid")
            wait_for(lambda: len(seen) >= 40, "forty events", 20)
        finally:
            stop.set()
            reader.join()
        numbers = [event["number"] for event in seen]
        equal(numbers, list(range(numbers[0], numbers[0] + 40)), "numbers that the reader saw")
        equal({event["payment_id"] for event in seen}, {payment["id"] for payment in payments}, "payments")
        wait_for(lambda: len(set(find_ids(receiver.messages))) == 40, "forty webhooks")
        equal(set(find_ids(receiver.messages)), {event["id"] for event in seen}, "webhooks")


def find_ids(messages):
    return [message["headers"]["webhook-id"] for message in messages]


@test
def s_108_a_hanging_endpoint_delays_nobody_else(stack):
    release = threading.Event()
    hanging = ear(stack, lambda message, _: release.wait(30) and (200, {}, b""))
    app, neighbour, _ = second_merchant(stack, "Neighbour")
    keys = stack.folder / "keys"
    stack.admin("account", "add", "--app", app["id"], "--channel", "alipay", "--name", "theirs",
                "--set", f"app_id={stack.platform['app_id']}", "--set", f"seller_id={stack.platform['seller_id']}",
                "--set", f"gateway_url=http://127.0.0.1:{stack.sandbox_port}/alipay/gateway.do",
                "--set", f"private_key=@{keys / 'app_private_key.pem'}", "--set", f"platform_public_key=@{keys / 'alipay_public_key.pem'}")
    good = ear(stack)
    try:
        add_endpoint(stack, good.url, neighbour)
        with endpoint(stack, hanging):
            payments = together(30, lambda _: create(stack))
            for payment in payments:
                stack.control("POST", f"/trades/{payment['upstream_no']}/scan", {})
            together(30, lambda i: stack.pay(payments[i]["upstream_no"]))
            for payment in payments:
                await_state(stack, payment, "paid")
            wait_for(lambda: hanging.messages, "the hanging endpoint being called")
            expect(metric(stack, "till_outbox_pending") >= 0, "the gauge")
            theirs = neighbour.call("POST", "/v1/payments", order()).json()
            stack.control("POST", f"/trades/{theirs['upstream_no']}/scan", {})
            stack.pay(theirs["upstream_no"])
            began = time.monotonic()
            wait_for(lambda: good.messages, "the neighbour's webhook", 20)
            took = time.monotonic() - began
            expect(took < 3, f"the neighbour waited {took:.1f} s")
            expect(len(hanging.messages) <= 4 * (took / 2 + 3), f"{len(hanging.messages)} at once to one endpoint")
            wait_for(lambda: metric(stack, "till_outbox_pending") > 0, "till_outbox_pending")
    finally:
        release.set()
        good.close()


@test
def s_109_an_endless_answer_is_cut_and_counts_as_delivered(stack):
    sent = []

    def pour(message, handler):
        handler.send_response(200)
        handler.end_headers()
        total = 0
        with contextlib.suppress(OSError):
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
            while total < 200 * 1024 * 1024:
                handler.wfile.write(b"x" * 16384)
                total += 16384
        sent.append(total)
        return None
    with endpoint(stack, ear(stack, pour)) as (made, receiver):
        payment = create(stack)
        settle(stack, payment)
        await_delivery(stack, payment, made, state="delivered", last_status=200)
        poured = wait_for(lambda: sent, "the end of the pouring")
        expect(poured[0] < 16 * 1024 * 1024, f"{poured[0]} bytes were taken")
        kept = rows(stack, "SELECT max(length(answer)) FROM delivery_log")[0][0]
        expect(0 < kept <= 1024, f"{kept} bytes of an answer are kept")


@test
def an_endpoint_that_is_gone_is_disabled_and_one_that_begs_for_time_gets_it(stack):
    with endpoint(stack, ear(stack, lambda message, _: (410, {}, b"gone"))) as (made, receiver):
        payment = create(stack)
        settle(stack, payment)
        await_delivery(stack, payment, made, state="disabled", last_status=410)
        listed = [e for e in stack.merchant().call("GET", "/v1/webhook-endpoints").json()["data"] if e["id"] == made["id"]]
        equal((listed[0]["enabled"], "disabled_reason" in listed[0]), (False, True), "endpoint")
        second = create(stack)
        settle(stack, second)
        wait_for(lambda: events(stack, second), "the event")
        equal(delivery_to(stack, second, made), None, "deliveries to a disabled endpoint")
    with endpoint(stack, ear(stack, lambda message, _: (429, {"Retry-After": "120"}, b"slow down"))) as (made, receiver):
        payment = create(stack)
        settle(stack, payment)
        waiting = await_delivery(stack, payment, made, state="pending", attempts=1, last_status=429)
        at = time.strptime(waiting["next_at"][:19], "%Y-%m-%dT%H:%M:%S")
        pause = time.mktime(at) - time.mktime(time.gmtime())
        expect(100 < pause < 200, f"next attempt in {pause:.0f} s")


@test
def a_person_can_have_an_event_sent_again(stack):
    with endpoint(stack, ear(stack)) as (made, receiver):
        payment = create(stack)
        settle(stack, payment)
        event = wait_for(lambda: events(stack, payment), "the event")[0]
        wait_for(lambda: len(receiver.messages) == 1, "the webhook")
        await_delivery(stack, payment, made, state="delivered")
        again = stack.merchant().call("POST", f"/v1/events/{event['id']}/redeliver")
        equal(again.status, 202, "redeliver")
        wait_for(lambda: len(receiver.messages) == 2, "the second webhook")
        one, two = receiver.messages
        equal((one["headers"]["webhook-id"], one["body"]), (two["headers"]["webhook-id"], two["body"]), "id and body")
        is_problem(stack.merchant().call("POST", "/v1/events/evt_nobody/redeliver"), 404, "not_found")


# ---- the demo shop


def buy(stack):
    """One coffee, not paid: (order number, payment)."""
    answer = request(stack.shop_port, "POST", "/buy", b"", {"Content-Type": "application/x-www-form-urlencoded"})
    equal(answer.status, 303, "the shop's answer")
    token = answer.headers["location"].rsplit("/", 1)[1]
    identity = rows(stack, "SELECT id, out_trade_no FROM payments WHERE token = ?", token)[0]
    return identity[1], read(stack, identity[0])


def journal(stack, what, name):
    lines = (stack.folder / "shop.journal").read_text(encoding="utf-8").splitlines()
    return [line for line in map(json.loads, lines) if line["what"] == what and line["order"] == name]


def webhook_by_hand(stack, body, secret=None, identity="evt_by_hand", timestamp=None, entries=None):
    timestamp = int(time.time()) if timestamp is None else timestamp
    secret = secret_bytes(stack.app["webhook_secret"]) if secret is None else secret
    entries = entries if entries is not None else "v1," + signature(secret, identity, timestamp, body)
    headers = {"Content-Type": "application/json", "webhook-id": identity, "webhook-timestamp": str(timestamp), "webhook-signature": entries}
    return request(stack.shop_port, "POST", "/webhook", body, headers)


def paid_event(name, amount=990):
    return json.dumps({"type": "payment.succeeded", "timestamp": "2026-11-22T10:00:00Z",
                       "data": {"out_trade_no": name, "amount": amount, "currency": "CNY", "state": "paid"}}).encode()


@test
def s_110_the_shop_refuses_what_is_not_signed_for_it(stack):
    name, _ = buy(stack)
    body = paid_event(name)
    now = int(time.time())
    own = secret_bytes(stack.app["webhook_secret"])
    stranger = hashlib.sha256(b"another endpoint").digest()
    lies = {"another endpoint's secret": {"secret": stranger}, "an old timestamp": {"timestamp": now - 3600}, "a future one": {"timestamp": now + 3600},
            "an empty secret": {"secret": b""}, "no signature": {"entries": ""}, "an empty entry": {"entries": "v1,"}, "only a comma": {"entries": ","},
            "an unknown version": {"entries": "v9," + signature(own, "evt_by_hand", now, body)},
            "a prefix": {"entries": "v1," + signature(own, "evt_by_hand", now, body)[:20]},
            "another id": {"entries": "v1," + signature(own, "evt_other", now, body)},
            "another body": {"entries": "v1," + signature(own, "evt_by_hand", now, body + b" ")},
            "the secret's text as the key": {"secret": stack.app["webhook_secret"].encode()}}
    for what, change in lies.items():
        answer = webhook_by_hand(stack, body, **change)
        expect(400 <= answer.status < 500, f"{what}: {answer}")
    equal(journal(stack, "shipped", name), [], "shipments")
    expect(webhook_by_hand(stack, paid_event(name, 1)).status >= 400, "a coffee for one fen")
    expect(webhook_by_hand(stack, paid_event("coffee-0000000000000000")).status >= 400, "an order of nobody")
    equal(journal(stack, "shipped", name), [], "shipments")
    good = signature(own, "evt_by_hand", now, body)
    equal(webhook_by_hand(stack, body, timestamp=now, entries=f"v1,AAAA v1,{good}").status, 200, "two signatures, the second ours")
    equal(len(journal(stack, "shipped", name)), 1, "shipments")


@test
def five_duplicate_webhooks_ship_one_coffee(stack):
    name, payment = buy(stack)
    settle(stack, payment)
    wait_for(lambda: journal(stack, "shipped", name), "the shipment")
    event = wait_for(lambda: events(stack, payment), "the event")[0]
    body = json.dumps(event["body"], separators=(",", ":")).encode()
    answers = together(5, lambda _: webhook_by_hand(stack, body, identity=event["id"]))
    equal([answer.status for answer in answers], [200] * 5, "answers to duplicates")
    attempts = deliveries(stack, event["id"])[0]["attempts"]
    for _ in range(2):
        equal(stack.merchant().call("POST", f"/v1/events/{event['id']}/redeliver").status, 202, "redeliver")
        wait_for(lambda: deliveries(stack, event["id"])[0]["state"] == "delivered", "the delivery")
    expect(attempts >= 1, "no attempt was counted")
    equal((len(journal(stack, "paid", name)), len(journal(stack, "shipped", name))), (1, 1), "paid and shipped")


@test
def a_kill_between_paid_and_shipped_ships_one_coffee(stack):
    name, payment = buy(stack)
    stack.shop.stop()
    stack.start_shop(env={"TILL_FAILPOINTS": "D1=kill"})
    settle(stack, payment)
    stack.shop.child.wait(20)
    equal(stack.shop.child.returncode, -signal.SIGKILL, "the shop's end")
    equal((len(journal(stack, "paid", name)), len(journal(stack, "shipped", name))), (1, 0), "paid and shipped when it died")
    # Again while it makes up for the first: it ships what it finds paid in its journal, or hears it anew.
    with contextlib.suppress(RuntimeError):
        stack.start_shop(env={"TILL_FAILPOINTS": "D1=kill"})
    stack.shop.child.wait(20)
    equal(stack.shop.child.returncode, -signal.SIGKILL, "the shop's second end")
    equal((len(journal(stack, "paid", name)), len(journal(stack, "shipped", name))), (1, 0), "paid and shipped when it died again")
    stack.start_shop()
    wait_for(lambda: journal(stack, "shipped", name), "the shipment after the start")
    event = wait_for(lambda: events(stack, payment), "the event")[0]
    wait_for(lambda: deliveries(stack, event["id"])[0]["state"] == "delivered", "the webhook being delivered again", 20)
    body = json.dumps(event["body"], separators=(",", ":")).encode()
    together(5, lambda _: webhook_by_hand(stack, body, identity=event["id"]))
    equal((len(journal(stack, "paid", name)), len(journal(stack, "shipped", name))), (1, 1), "paid and shipped")


@test
def every_outcome_of_a_webhook_is_counted(stack):
    for outcome in ("delivered", "failed", "disabled"):
        expect(metric_sum(stack, "till_webhook_total", outcome=outcome) >= 0, outcome)
    with endpoint(stack, ear(stack)) as (made, receiver):
        before = metric_sum(stack, "till_webhook_total", outcome="delivered")
        payment = create(stack)
        settle(stack, payment)
        await_delivery(stack, payment, made, state="delivered")
        equal(metric_sum(stack, "till_webhook_total", outcome="delivered") - before, 1, "delivered")


if __name__ == "__main__":
    main(setup)
