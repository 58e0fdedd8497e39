# SPDX-License-Identifier: Apache-2.0
"""Administration by an app itself: its keys, its accounts, its webhook secret, by keys that an operator gave the right to it."""
import json

from keyed import KeyedMerchant, keyed, make_pair
from tap import admin_http, equal, expect, is_problem, main, metric, order, rows, second_merchant, started, test
from stack import Merchant

RIGHTS = ("keys:read", "keys:write", "accounts:read", "accounts:write", "apps:read", "apps:write")


def setup():
    stack = started()
    made = stack.admin("app", "key", "--app", stack.app["id"])
    stack.chief = Merchant(stack.gateway_port, made["id"], bytes.fromhex(made["secret"]))
    said = stack.admin("app", "rights", made["id"], "--set", "apps:write merchant " + " ".join(RIGHTS[:5]))
    equal(said["scopes"], "merchant " + " ".join(RIGHTS), "rights, in order")
    return stack


def trail(stack, what):
    return [(who, subject, json.loads(body)) for who, subject, body in
            rows(stack, "SELECT who, subject, CAST(body AS TEXT) FROM audit WHERE what = ? ORDER BY pk", what)]


def calls(stack, key, account):
    """Each right with a call that needs it."""
    _, public = make_pair(stack.folder, "ed25519")
    pem = {"public_key": public.read_text()}
    return [("keys:read", "GET", "/v1/keys", None), ("keys:write", "POST", "/v1/keys", pem),
            ("keys:write", "POST", f"/v1/keys/{key}/end", {"in_seconds": 0}), ("accounts:read", "GET", "/v1/accounts", None),
            ("accounts:write", "POST", "/v1/accounts", {"channel": "alipay", "settings": {}}),
            ("accounts:write", "POST", f"/v1/accounts/{account}/disable", {}), ("accounts:write", "POST", f"/v1/accounts/{account}/enable", {}),
            ("apps:read", "GET", "/v1/app", None), ("apps:write", "POST", "/v1/app/secrets", {}),
            ("apps:write", "POST", "/v1/app/secrets/end", {"in_seconds": 0})]


@test
def without_the_right_nothing_is_done_and_the_trail_says_who_tried(stack):
    merchant, made = keyed(stack, "ed25519")
    before = rows(stack, "SELECT (SELECT count(*) FROM keys), (SELECT count(*) FROM accounts), (SELECT sum(ends_us) FROM keys)")
    counted = metric(stack, 'till_security_events_total{kind="right_refused"}') or 0
    for right, method, target, body in calls(stack, made["id"], stack.account["id"]):
        document = is_problem(merchant.call(method, target, body), 403, "forbidden")
        expect(right in document["detail"], document)
    equal(rows(stack, "SELECT (SELECT count(*) FROM keys), (SELECT count(*) FROM accounts), (SELECT sum(ends_us) FROM keys)"), before, "effects")
    told = [(who, subject, body["scope"]) for who, subject, body in trail(stack, "right.refused") if subject == made["id"]]
    equal(sorted(told), sorted((stack.app["id"], made["id"], right) for right in RIGHTS), "the trail: one row a minute of each right")
    equal(metric(stack, 'till_security_events_total{kind="right_refused"}') - counted, 10, "counted")
    equal(merchant.call("GET", "/v1/payments?limit=1").status, 200, "its own work goes on")


@test
def a_right_opens_its_own_routes_and_no_others(stack):
    for right in RIGHTS:
        merchant, made = keyed(stack, "ed25519")
        stack.admin("app", "rights", made["id"], "--set", right)
        for needs, method, target, body in calls(stack, "key_of_nobody", "acc_of_nobody"):
            answer = merchant.call(method, target, body)
            equal(answer.status == 403 and "lacks the right" in answer.json()["detail"], needs != right, f"{right}, {method} {target}: {answer}")
        is_problem(merchant.call("GET", "/v1/payments"), 403, "forbidden")  # it was not given what merchants do
        is_problem(merchant.call("POST", "/v1/payments", order()), 403, "forbidden")


@test
def a_key_can_be_kept_to_reading(stack):
    merchant, made = keyed(stack, "rsa")
    stack.admin("app", "rights", made["id"], "--set", "payments:read")
    equal(merchant.call("GET", "/v1/payments?limit=1").status, 200, "reads")
    is_problem(merchant.call("POST", "/v1/payments", order()), 403, "forbidden")
    stack.admin("app", "rights", made["id"], "--set", "merchant")
    equal(merchant.call("POST", "/v1/payments", order()).status, 201, "orders again, at once")


@test
def a_merchant_changes_its_key_by_itself(stack):
    private, public = make_pair(stack.folder, "rsa")
    made = stack.chief.call("POST", "/v1/keys", {"public_key": public.read_text()})
    equal((made.status, made.json()["algorithm"], made.json()["scopes"]), (201, "rsa-sha256", "merchant"), "added")
    first = KeyedMerchant(stack.gateway_port, made.json()["id"], "rsa", private)
    equal(first.call("POST", "/v1/payments", order()).status, 201, "the first signs")
    other_private, other_public = make_pair(stack.folder, "ed25519")
    second_made = stack.chief.call("POST", "/v1/keys", {"public_key": other_public.read_text()}).json()
    second = KeyedMerchant(stack.gateway_port, second_made["id"], "ed25519", other_private)
    ended = stack.chief.call("POST", f"/v1/keys/{first.key_id}/end", {"in_seconds": 3600})
    equal(ended.status, 200, ended)
    equal([m.call("GET", "/v1/payments?limit=1").status for m in (first, second)], [200, 200], "both alive")
    equal(stack.chief.call("POST", f"/v1/keys/{first.key_id}/end", {"in_seconds": 0}).status, 200, "now")
    is_problem(first.call("GET", "/v1/payments?limit=1"), 401, "unauthorized")
    listed = {row["id"]: row for row in stack.chief.call("GET", "/v1/keys").json()["data"]}
    expect(listed[first.key_id]["ends_at"] and "secret" not in json.dumps(listed) and "public_key" not in json.dumps(listed), listed)
    who = [(who, body["by"]) for who, subject, body in trail(stack, "key.added") if subject in (first.key_id, second.key_id)]
    equal(who, [(stack.app["id"], stack.chief.key_id)] * 2, "the trail says who")
    equal([(who, body["by"]) for who, subject, body in trail(stack, "key.ends") if subject == first.key_id], [who[0]] * 2, "and who ended it")


@test
def a_key_gets_no_more_rights_than_the_one_that_adds_it(stack):
    adder, made = keyed(stack, "ed25519")
    stack.admin("app", "rights", made["id"], "--set", "payments:read keys:write")
    private, public = make_pair(stack.folder, "ed25519")
    child = adder.call("POST", "/v1/keys", {"public_key": public.read_text()})
    equal((child.status, child.json()["scopes"]), (201, "payments:read"), "what is passed on")
    young = KeyedMerchant(stack.gateway_port, child.json()["id"], "ed25519", private)
    equal(young.call("GET", "/v1/payments?limit=1").status, 200, "reads")
    is_problem(young.call("POST", "/v1/payments", order()), 403, "forbidden")
    is_problem(young.call("GET", "/v1/keys"), 403, "forbidden")
    stack.admin("app", "rights", made["id"], "--set", "keys:write")
    _, public = make_pair(stack.folder, "ed25519")
    document = is_problem(adder.call("POST", "/v1/keys", {"public_key": public.read_text()}), 403, "forbidden")
    expect("none to pass on" in document["detail"], document)
    for body in ({"public_key": public.read_text(), "scopes": "keys:write"}, {"public_key": public.read_text(), "app_id": stack.app["id"]}):
        expect(stack.chief.call("POST", "/v1/keys", body).status in (400, 403), body)


@test
def nobody_reaches_another_apps_keys_and_accounts(stack):
    app, merchant, key = second_merchant(stack, "Neighbour")
    stack.admin("app", "rights", key["id"], "--set", "merchant " + " ".join(RIGHTS))
    is_problem(merchant.call("POST", f"/v1/keys/{stack.key['id']}/end", {"in_seconds": 0}), 404, "not_found")
    for what in ("enable", "disable"):
        is_problem(merchant.call("POST", f"/v1/accounts/{stack.account['id']}/{what}", {}), 404, "not_found")
    equal([row["id"] for row in merchant.call("GET", "/v1/keys").json()["data"]], [key["id"]], "its own keys")
    equal(merchant.call("GET", "/v1/accounts").json()["data"], [], "its own accounts")
    equal(merchant.call("GET", "/v1/app").json()["id"], app["id"], "its own app")
    equal(stack.merchant().call("GET", "/v1/payments?limit=1").status, 200, "the other one's key")


@test
def the_last_key_is_not_ended_and_a_replay_adds_nothing(stack):
    _, merchant, key = second_merchant(stack, "Alone")
    stack.admin("app", "rights", key["id"], "--set", "merchant keys:write")
    is_problem(merchant.call("POST", f"/v1/keys/{key['id']}/end", {"in_seconds": 0}), 409, "state_conflict")
    _, public = make_pair(stack.folder, "ed25519")
    body = json.dumps({"public_key": public.read_text()}).encode()
    from tap import request
    headers = {"Host": merchant.host, "Content-Type": "application/json", "Authorization": merchant.authorization("POST", "/v1/keys", body)}
    equal(request(stack.gateway_port, "POST", "/v1/keys", body, headers).status, 201, "added")
    answer = request(stack.gateway_port, "POST", "/v1/keys", body, headers)
    expect(answer.status in (401, 409), answer)
    equal(merchant.call("POST", f"/v1/keys/{key['id']}/end", {"in_seconds": 0}).status, 200, "now another one outlives it")
    replayed = {"Host": merchant.host, "Authorization": headers["Authorization"], "Content-Type": "application/json"}
    is_problem(request(stack.gateway_port, "POST", "/v1/keys", body, replayed), 401, "unauthorized")


@test
def accounts_are_added_listed_and_switched_without_showing_a_secret(stack):
    private = (stack.folder / "keys" / "app_private_key.pem").read_text()
    platform = (stack.folder / "keys" / "alipay_public_key.pem").read_text()
    settings = {"app_id": "9021000000000001", "seller_id": "2088000000000001", "private_key": private, "platform_public_key": platform,
                "gateway_url": f"http://127.0.0.1:{stack.sandbox_port}/alipay/gateway.do"}
    made = stack.chief.call("POST", "/v1/accounts", {"channel": "alipay", "name": "second", "settings": settings})
    equal(made.status, 201, made)
    account = made.json()
    equal((account["app_id"], account["enabled"], account["usable"]), (stack.app["id"], True, True), "added")
    off = stack.chief.call("POST", f"/v1/accounts/{account['id']}/disable", {})
    equal((off.status, off.json()["enabled"]), (200, False), "switched off")
    text = json.dumps(stack.chief.call("GET", "/v1/accounts").json())
    expect(account["id"] in text and "PRIVATE" not in text and private.splitlines()[2] not in text, "the list shows a secret or not the account")
    is_problem(stack.chief.call("POST", "/v1/accounts", {"channel": "alipay", "settings": dict(settings, private_key="")}), 400, "key_weak")
    is_problem(stack.chief.call("POST", "/v1/accounts", {"channel": "alipay", "settings": settings, "app_id": "app_x"}), 400, "field_unknown")
    equal([who for who, subject, _ in trail(stack, "account.added") if subject == account["id"]], [stack.app["id"]], "who added")
    equal([(who, body["by"]) for who, subject, body in trail(stack, "account.disabled") if subject == account["id"]],
          [(stack.app["id"], stack.chief.key_id)], "who switched it off")


@test
def a_webhook_secret_is_changed_by_the_app(stack):
    made = stack.chief.call("POST", "/v1/app/secrets", {})
    expect(made.status == 201 and made.json()["secret"].startswith("whsec_"), made)
    equal(len(stack.chief.call("GET", "/v1/app").json()["webhook_secrets"]), 2, "two alive")
    ended = stack.chief.call("POST", "/v1/app/secrets/end", {"in_seconds": 0})
    equal((ended.status, ended.json()["ending"]), (200, 0), "the old one is gone")
    shown = stack.chief.call("GET", "/v1/app").json()
    expect(len(shown["webhook_secrets"]) == 1 and "whsec_" not in json.dumps(shown), shown)


@test
def rights_are_granted_at_the_socket_alone_and_by_known_names(stack):
    merchant, made = keyed(stack, "ed25519")
    answer = merchant.call("POST", f"/admin/keys/{made['id']}/rights", {"scopes": "keys:write"})
    equal(answer.status, 404, "on the public listener")
    for text in ("", "everything", "merchant keys:write root", "keys:write,keys:read"):
        is_problem(admin_http(stack, "POST", f"/admin/keys/{made['id']}/rights", {"scopes": text}), 400, "field_invalid")
    is_problem(admin_http(stack, "POST", "/admin/keys/key_of_nobody/rights", {"scopes": "merchant"}), 404, "not_found")
    stack.admin("app", "rights", made["id"], "--set", "merchant keys:read")
    equal(merchant.call("GET", "/v1/keys").status, 200, "granted")
    equal([(who, body["scopes"]) for who, subject, body in trail(stack, "key.rights") if subject == made["id"]],
          [("admin", "merchant keys:read")], "the trail")


if __name__ == "__main__":
    main(setup)
