# SPDX-License-Identifier: Apache-2.0
"""Rate limits and shedding at the running gateway: counts and bounds, never times. Limits are by the hour here, so that what a slow machine
needs between two requests refills less than one token."""
import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import contract
from tap import (admin_http, create, equal, expect, is_problem, main, metric_sum, number, order, second_merchant, started, test, till, wait_for)

POLICY = re.compile(r'^"(instance:)?([a-z.]+)";q=(\d+);w=(\d+)$')
LIMIT = re.compile(r'^"(instance:)?([a-z.]+)";r=(\d+);t=(\d+)$')


def reload(stack, **limits):
    """These limits and no others in the file, then SIGHUP's twin; "instance__lists" for limits.instance.lists."""
    path = stack.config
    text = re.sub(r"(?ms)^# test limits\n.*\Z", "", path.read_text(encoding="utf-8"))
    groups = {}
    for name, value in limits.items():
        group, _, leaf = name.partition("__")
        groups.setdefault(group, {})[leaf] = value
    lines = "".join(f"  {group}:\n" + "".join(f"    {leaf}: {value}\n" for leaf, value in leaves.items()) for group, leaves in groups.items())
    path.write_text(text + ("# test limits\nlimits:\n" + lines if lines else ""), encoding="utf-8")
    stack.admin("reload")


def at_once(count, job):
    """job(i) for all i, many at a time."""
    with ThreadPoolExecutor(max_workers=25) as pool:
        return list(pool.map(job, range(count)))


def lists(merchant, count):
    return at_once(count, lambda _: merchant.call("GET", "/v1/payments"))


def passed(answers):
    for answer in answers:
        if answer.status != 200:
            document = is_problem(answer, 429, "too_many_requests")
            equal(document["retryable"], True, "retryable")
            expect(int(answer.headers["retry-after"]) >= 1, answer.headers)
    return sum(answer.status == 200 for answer in answers)


def fields(answer):
    policy, limit = POLICY.match(answer.headers["ratelimit-policy"]), LIMIT.match(answer.headers["ratelimit"])
    expect(policy and limit, f"no RateLimit fields: {answer.headers}")
    equal(policy.group(1, 2), limit.group(1, 2), "whose they are")
    return {"instance": bool(policy.group(1)), "name": policy.group(2), "q": int(policy.group(3)), "w": int(policy.group(4)),
            "r": int(limit.group(3)), "t": int(limit.group(4))}


@test
def of_fifty_at_once_five_pass(stack):
    reload(stack, app__lists="5/h")
    answers = lists(stack.merchant(), 50)
    count = passed(answers)
    equal(count, 5, "passed of 50")
    seen = [fields(answer) for answer in answers]
    expect(all(row["name"] == "payments.list" and row["q"] == 5 and row["w"] == 3600 and not row["instance"] for row in seen), seen)
    equal(sorted(row["r"] for row in seen if row["r"] > 0), [1, 2, 3, 4], "what was left, told once each")
    refused = [answer for answer in answers if answer.status == 429]
    expect(all(fields(answer)["r"] == 0 and int(answer.headers["retry-after"]) >= fields(answer)["t"] >= 1 for answer in refused), refused[:1])


@test
def other_apps_other_calls_and_the_health_are_not_hurt(stack):
    reload(stack, app__lists="5/h", instance__lists="12/h")
    _, other, _ = second_merchant(stack)
    passed(lists(stack.merchant(), 60))
    count = passed(lists(other, 60))
    equal(count, 5, "the other app: passed of 60")
    equal(stack.merchant().call("GET", "/v1/events").status, 200, "another list")
    create(stack)
    for path in ("/ping", "/health", "/ready"):
        equal(stack.merchant().send("GET", path, b"", {}, 30).status, 200, path)


@test
def strangers_cannot_use_up_the_merchants_limit(stack):
    reload(stack, instance__lists="5/h")
    forged = stack.merchant()
    forged.secret = b"x" * 32
    before = metric_sum(stack, "till_limit_total", route="deliveries.list", result="unproven")
    answers = [forged.call("GET", "/v1/deliveries") for _ in range(40)]
    equal({answer.status for answer in answers}, {401}, "forged")
    equal(metric_sum(stack, "till_limit_total", route="deliveries.list", result="unproven") - before, 40, "tokens that came back")
    answers = [stack.merchant().call("GET", "/v1/deliveries") for _ in range(10)]
    count = passed(answers)
    equal(count, 5, "passed of 10")
    row = fields(answers[-1])
    equal((row["instance"], row["q"], row["w"]), (True, 5, 3600), "the instance speaks when it refuses")


@test
def a_refusal_keeps_the_connection_and_costs_no_worker(stack):
    import http.client
    reload(stack, instance__creates="1/h")
    merchant = stack.merchant()
    link = http.client.HTTPConnection("127.0.0.1", stack.gateway_port, timeout=30)
    body = b'{"url":"https://shop.example/hook"}'
    found = []
    for _ in range(4):
        headers = {"Host": merchant.host, "Content-Type": "application/json",
                   "Authorization": merchant.authorization("POST", "/v1/webhook-endpoints", body)}
        link.request("POST", "/v1/webhook-endpoints", body, headers)
        answer = link.getresponse()
        answer.read()
        found.append((answer.status, answer.getheader("Connection")))
    equal([status for status, _ in found][1:], [429] * 3, "statuses")
    expect(all(value is None for _, value in found), f"closed: {found}")
    link.close()


@test
def a_reload_changes_the_limit_and_a_wrong_one_changes_nothing(stack):
    reload(stack, app__queries="3/h")
    payment = create(stack)
    target = f"/v1/payments/{payment['id']}"
    ask = lambda: stack.merchant().call("GET", target)  # noqa: E731
    count = passed([ask() for _ in range(12)])
    equal(count, 3, "passed of 12")
    reload(stack, app__queries="off")
    contract.unlimited.add(stack.gateway_port)
    equal(passed([ask() for _ in range(12)]), 12, "without a limit")
    expect(not {"ratelimit", "ratelimit-policy"} & ask().headers.keys(), "a limit that is off says nothing")
    text = stack.config.read_text(encoding="utf-8")
    stack.config.write_text(text.replace("queries: off", "queries: 0/s"), encoding="utf-8")
    done = subprocess.run([str(till()), "reload", "-c", str(stack.config)], capture_output=True, text=True, timeout=60)
    expect(done.returncode != 0 and "limits.app.queries" in done.stderr, done)
    equal(passed([ask() for _ in range(12)]), 12, "as before")
    reload(stack)
    contract.unlimited.discard(stack.gateway_port)
    equal(fields(ask())["q"], 2000, "the default again")


@test
def an_app_has_limits_of_its_own_at_once_and_after_a_restart(stack):
    reload(stack)
    app, merchant, _ = second_merchant(stack, "Limited shop")
    made = stack.admin("app", "limits", app["id"], "payments.list=4/h", "queries=30/h burst 2")
    equal(made["limits"], {"payments.list": "4/h", "queries": "30/h burst 2"}, "as they are told")
    count = passed(lists(merchant, 30))
    equal(count, 4, "passed of 30")
    equal({answer.status for answer in at_once(30, lambda _: stack.merchant().call("GET", "/v1/bills"))}, {200}, "the others are not limited")
    stack.gateway.stop(signal.SIGTERM)
    stack.start_gateway()
    shown = stack.admin("limits")
    equal([row["limits"] for row in shown["overrides"] if row["app_id"] == app["id"]], [made["limits"]], "after a restart")
    count = passed(lists(merchant, 30))
    equal(count, 4, "passed of 30 after a restart")
    stack.admin("app", "limits", app["id"], "payments.list=default", "queries=default")
    equal(fields(merchant.call("GET", "/v1/payments"))["q"], 200, "the settings' again")
    for word, code in (("payments.lists=1/s", "field_unknown"), ("lists=1", "field_invalid")):
        answer = admin_http(stack, "POST", f"/admin/apps/{app['id']}/limits", dict([word.split("=")]))
        is_problem(answer, 400, code)


@test
def till_limits_shows_limits_and_use(stack):
    reload(stack, app__lists="5/h")
    passed(lists(stack.merchant(), 20))
    shown = stack.admin("limits")
    row = next(row for row in shown["routes"] if row["route"] == "payments.list")
    equal((row["rank"], row["setting"], row["instance"], row["app"]), ("lists", "lists", "200/s", "5/h"), "the row")
    expect(row["limited_by_app"] >= 14 and row["allowed"] >= 5 and row["peak_in_a_second"] >= 1, row)
    expect(any(use["app_id"] == stack.app["id"] and use["route"] == "payments.list" for use in shown["apps_in_use"]), shown["apps_in_use"])
    said = subprocess.run([str(till()), "limits", "-c", str(stack.config)], capture_output=True, text=True, timeout=60, check=True).stdout
    expect("payments.create" in said and "500/s" in said and "Overload: level" in said, said)
    figures = stack.metrics()
    expect(figures['till_limit_remaining{route="payments.list"}'] <= 200, "remaining")
    expect(metric_sum(stack, "till_limit_total", route="payments.list", result="app") >= 14, "limited, in the metrics")
    suggested = stack.admin("limits", "suggest", "--days", 30)
    row = next(row for row in suggested["data"] if row["call"] == "payments.create")
    expect(row["enough"] is False and "Not enough history" in row["because"] and "suggested" not in row, row)
    reload(stack)


@test
def a_full_queue_sends_lists_away_and_what_was_accepted_finishes(_):
    stack = started(http__workers_max=1, http__queue_max=8, shed__lists_at=25, shed__creates_at=100, shed__queries_at=100, shed__wait="60s")
    stack.control("POST", "/faults", {"operation": "precreate", "fault": "delay_answer", "count": -1, "argument": 1500})
    with ThreadPoolExecutor(max_workers=8) as pool:
        slow = [pool.submit(stack.merchant().call, "POST", "/v1/payments", order(number("Q"))) for _ in range(4)]
        wait_for(lambda: stack.metrics().get('till_queue_depth{lane="api"}', 0) >= 3, "a queue")
        answer = stack.merchant().call("GET", "/v1/payments")
        document = is_problem(answer, 503, "overloaded")
        expect("lists" in document["detail"] and answer.headers["retry-after"] == "5", answer)
        equal([job.result().status for job in slow], [201] * 4, "what was accepted")
    wait_for(lambda: stack.merchant().call("GET", "/v1/payments").status == 200, "normal again")
    equal(metric_sum(stack, "till_shed_total", rank="lists") >= 1, True, "counted")
    equal(metric_sum(stack, "till_shed_total", rank="queries"), 0, "queries sent away")


if __name__ == "__main__":
    main()
