#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""schemathesis against the live gateway, with the sandbox as its platform: at least ten thousand requests made of the contract, good ones
and wrong ones, each signed, and no finding. TILL names the program.

    TILL_SEED      which requests (1); SCHEMATHESIS_EXAMPLES    how many an operation (200)

Two processes share the work: one covers every bound of every schema, the other draws by lot and walks from answer to request. A
finding is printed with the command that repeats it; build/logs has all that was said.
"""
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(HERE)]
import contract  # noqa: E402
from tap import create, equal, expect, main, metric_sum, new_stack, settle, test  # noqa: E402
from toolchains import schemathesis  # noqa: E402

LEAST = 10000
PAID = 8
SECONDS = int(os.environ.get("SCHEMATHESIS_SECONDS", "1500"))
PHASES = {"covering": "examples,coverage", "drawing": "fuzzing,stateful"}
# Texts by lot meet rules that no schema can tell (bytes, hosts, one member beside another): that good ones are taken, the covering run shows.
LEFT_OUT = {"covering": [], "drawing": ["--exclude-checks", "positive_data_acceptance"]}
# What no request made of a schema can prove, or nobody has in an hour-old till.
OUT_OF_REACH = {"POST /notify/{channel}/{account}", "GET /return/{channel}/{account}", "POST /return/{channel}/{account}", "GET /v1/bills/{id}",
                "GET /v1/discrepancies/{id}", "POST /v1/payments/{id}/attempts/{attempt}/keep"}
LIMITED = ("payments_create", "creates", "queries", "lists")
READ_FROM = "GET /openapi.json"  # which schemathesis asks by itself, before it counts
# The key has no right to administrate: a key that ended itself would end the run.
FOR_RIGHTS = ("/v1/keys", "/v1/accounts", "/v1/app")


def begin(stack, program, name):
    """One run of schemathesis with its own count of requests."""
    seed = os.environ.get("TILL_SEED", "1")
    env = {**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE / "schemathesis"), "TILL_KEY": stack.key["id"], "TILL_SECRET": stack.key["secret"],
           "TILL_ACCOUNT": stack.account["id"], "TILL_CARDS": stack.cards["id"], "TILL_PUBLIC_ID": stack.account["public_id"], "TILL_APP": stack.app["id"],
           "TILL_HOST_OF_APP": f"127.0.0.1:{stack.shop_port}", "TILL_HITS": str(stack.folder / f"{name}.json"), "TILL_SEED": seed,
           "TILL_CLIENT": stack.client["id"], "TILL_CLIENT_SECRET": stack.client["secret"], "TILL_PAID": " ".join(stack.paid)}
    log = ROOT / "build" / "logs" / f"schemathesis-{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w", encoding="utf-8") as out:
        child = subprocess.Popen([program, "--config-file", HERE / "schemathesis" / "schemathesis.toml", "run", f"http://127.0.0.1:{stack.gateway_port}/openapi.json",
                                  "--phases", PHASES[name], "--seed", seed, "-n", os.environ.get("SCHEMATHESIS_EXAMPLES", "200"), "--no-color",
                                  "--continue-on-failure", "--generation-database", "none", *LEFT_OUT[name]],
                                 cwd=stack.folder, env=env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    return child, log


def setup():
    # Two processes in a hurry are no merchant: test_limits.py is about limits.
    stack = new_stack(**{f"limits__{whose}__{what}": "off" for whose in ("instance", "app") for what in LIMITED})
    stack.start()
    stack.cards = stack.provision_stripe()["account"]
    stack.paid = [settle(stack, create(stack, amount=100000000))["id"] for _ in range(PAID)]
    stack.client = stack.admin("client", "add", "--app", stack.app["id"], "--scopes", "payments:read")
    runs = {name: begin(stack, schemathesis(), name) for name in PHASES}
    stack.said, stack.hits = {}, {}
    for name, (child, log) in runs.items():
        try:
            status = child.wait(SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            status = f"nothing within {SECONDS} s"
        stack.said[name] = (status, log.read_text(encoding="utf-8", errors="replace"))
        for place, count in json.loads((stack.folder / f"{name}.json").read_text(encoding="utf-8")).items():
            stack.hits[place] = stack.hits.get(place, 0) + count
    return stack


def finds_nothing(stack, name):
    status, text = stack.said[name]
    begin_at = max(text.find("= FAILURES ="), text.find("= ERRORS ="), 0)
    expect(status == 0, f"schemathesis ended with {status}:\n{text[begin_at:begin_at + 3500]}")


@test
def every_bound_of_every_schema_finds_nothing(stack):
    finds_nothing(stack, "covering")


@test
def requests_by_lot_and_walks_from_answer_to_request_find_nothing(stack):
    finds_nothing(stack, "drawing")


@test
def ten_thousand_requests_were_made(stack):
    total = sum(stack.hits.values())
    print(f"# {total} requests, by status " + ", ".join(f"{status}: {count}" for status, count in sorted(by_status(stack).items())))
    expect(total >= LEAST, f"only {total} requests of {LEAST}")
    expect(metric_sum(stack, "till_requests_total") >= total, "the gateway's own count is smaller")


def by_status(stack):
    counts = {}
    for place, count in stack.hits.items():
        status = place.rsplit(" ", 1)[1]
        counts[status] = counts.get(status, 0) + count
    return counts


@test
def every_operation_was_reached_and_answered_well_and_not_at_all_badly(stack):
    """Signatures that fit, things that exist: else the run would only look at doors."""
    document = contract.document()
    for path, item in document["paths"].items():
        for method in item:
            label = f"{method.upper()} {path}"
            told = {place.rsplit(" ", 1)[1]: count for place, count in stack.hits.items() if place.rsplit(" ", 1)[0] == label}
            expect(told or label == READ_FROM, f"{label} was never asked")
            out_of_reach = label in OUT_OF_REACH or label == READ_FROM or path.startswith(FOR_RIGHTS)
            expect(out_of_reach or any(status < "4" for status in told), f"{label} never answered well: {told}")
    equal({status: count for status, count in by_status(stack).items() if status >= "5"}, {}, "answers of 500 and more")


main(setup)
