# SPDX-License-Identifier: Apache-2.0
"""Idempotency-Key on what is no order: a refund, a close, a renewal, another attempt; an endpoint, a delivery by hand, what an app adds to itself.
One key, one call."""
from keyed import make_pair
from tap import Merchant, Receiver, create, equal, event_types, expect, is_problem, main, number, order, restart_gateway, rows, settle, started, test, together, wait_for


def post(stack, target, document=None, key=None, **more):
    return stack.merchant().call("POST", f"/v1/{target}", document, headers={"Idempotency-Key": key} if key else {}, **more)


def setup():
    stack = started()
    stack.admin("app", "rights", stack.key["id"], "--set", "merchant keys:write keys:read accounts:write accounts:read apps:write apps:read")
    return stack


def count(stack, table):
    return rows(stack, f"SELECT count(*) FROM {table}")[0][0]


def once(stack, target, document, table, made=1):
    """The same call under one key, four times: what it makes is made once, and all answers are the first one. The answer's document."""
    key, before = number("K"), count(stack, table)
    answers = [post(stack, target, document, key) for _ in range(4)]
    equal(len({(answer.status, answer.body) for answer in answers}), 1, f"{target}: answers {answers}")
    equal([answer.headers.get("idempotent-replayed") for answer in answers], [None, "true", "true", "true"], f"{target}: marks")
    equal(count(stack, table) - before, made, f"{target}: rows of {table}")
    return answers[0].json(), key


def at_once(stack, target, document, table, made=1):
    """Sixteen of them at once, of one call under one key."""
    key, before = number("K"), count(stack, table)
    answers = together(16, lambda _: post(stack, target, document, key))
    equal(len({(answer.status, answer.body) for answer in answers}), 1, f"{target}: answers {answers}")
    equal([answer.headers.get("idempotent-replayed") for answer in answers].count(None), 1, f"{target}: the first")
    equal(count(stack, table) - before, made, f"{target}: rows of {table}")


def refunds(stack, payment):
    return rows(stack, "SELECT out_refund_no, amount FROM refunds WHERE payment_id = ? ORDER BY pk", payment["id"])


@test
def a_refund_with_a_key_is_one_refund_and_another_one_under_it_is_refused(stack):
    payment, key, no = settle(stack, create(stack)), number("K"), number("R")
    body = {"amount": 100, "out_refund_no": no}
    first = post(stack, f"payments/{payment['id']}/refunds", body, key)
    again = post(stack, f"payments/{payment['id']}/refunds", body, key)
    equal((first.status, again.status), (200, 200), "both answers")
    equal(again.json()["id"], first.json()["id"], "the refund")
    for other in ({"amount": 101, "out_refund_no": no}, {"amount": 100, "out_refund_no": number("R")}):
        is_problem(post(stack, f"payments/{payment['id']}/refunds", other, key), 422, "idempotency_key_reused")
    elsewhere = settle(stack, create(stack))
    is_problem(post(stack, f"payments/{elsewhere['id']}/refunds", body, key), 422, "idempotency_key_reused")
    equal(refunds(stack, payment), [(no, 100)], "refunds of the payment")
    equal(refunds(stack, elsewhere), [], "refunds of the other")
    equal(post(stack, f"payments/{payment['id']}/refunds", {"amount": 100, "out_refund_no": number("R")}, number("K")).status, 200, "under a new key")


@test
def a_key_is_used_up_by_effects_and_not_by_refusals(stack):
    payment, key = settle(stack, create(stack)), number("K")
    is_problem(post(stack, f"payments/{payment['id']}/refunds", {"amount": 99999, "out_refund_no": number("R")}, key), 409, "refund_exceeds", "/amount")
    equal(post(stack, f"payments/{payment['id']}/refunds", {"amount": 100, "out_refund_no": number("R")}, key).status, 200, "the same key with a sum that fits")


@test
def orders_and_effects_share_the_keys_of_an_app(stack):
    key = number("K")
    body = order()
    made = post(stack, "payments", body, key)
    equal(made.status, 201, "the order")
    is_problem(post(stack, f"payments/{made.json()['id']}/close", None, key), 422, "idempotency_key_reused")
    closing = number("K")
    expect(post(stack, f"payments/{made.json()['id']}/cancel", None, closing).status in (200, 202), "the cancellation")
    expect(post(stack, f"payments/{made.json()['id']}/cancel", None, closing).status in (200, 202), "the same again")
    is_problem(post(stack, "payments", order(), closing), 422, "idempotency_key_reused")
    equal(post(stack, "payments", body, key).json()["id"], made.json()["id"], "the order again")


@test
def renewals_and_attempts_take_a_key(stack):
    payment, key = create(stack), number("K")
    for _ in range(2):
        expect(post(stack, f"payments/{payment['id']}/renew", None, key).status in (200, 201), "a renewal")
    is_problem(post(stack, f"payments/{payment['id']}/attempts", {"product": "page"}, key), 422, "idempotency_key_reused")
    way = number("K")
    one, two = (post(stack, f"payments/{payment['id']}/attempts", {"product": "page"}, way) for _ in range(2))
    equal(one.json()["attempt"], two.json()["attempt"], "the attempt")
    is_problem(post(stack, f"payments/{payment['id']}/renew", None, "with blanks in it"), 400, "idempotency_key_invalid")


@test
def sixteen_at_once_under_one_key_are_one(stack):
    """Eight ask for one refund, eight for another, all under the same key: whichever came first is the only one."""
    payment, key, numbers = settle(stack, create(stack)), number("K"), (number("R"), number("R"))
    answers = together(16, lambda index: post(stack, f"payments/{payment['id']}/refunds", {"amount": 100, "out_refund_no": numbers[index % 2]}, key))
    good = [answer.json()["out_refund_no"] for answer in answers if answer.status in (200, 202)]
    equal((len(good), len(set(good))), (8, 1), "those who were heard")
    equal([answer.json()["code"] for answer in answers if answer.status == 422], ["idempotency_key_reused"] * 8, "the others")
    equal(refunds(stack, payment), [(good[0], 100)], "refunds")


@test
def one_key_is_one_order_while_settings_reload_and_the_signing_key_is_revoked(stack):
    """Fourteen callers with one Idempotency-Key, signed with a key that is revoked amid them, while the settings are loaded anew: one order at
    most, one answer, and whoever is let in later finds the same one."""
    ends = []
    for _ in range(4):
        made = stack.admin("app", "key", "--app", stack.app["id"])
        doomed = Merchant(stack.gateway_port, made["id"], bytes.fromhex(made["secret"]))
        body, key = order(number("RACE")), number("K")

        def act(index):
            if index == 14:
                return stack.admin("reload")
            if index == 15:
                return stack.admin("app", "revoke", made["id"])
            return [doomed.call("POST", "/v1/payments", body, headers={"Idempotency-Key": key}) for _ in range(12)]
        heard = [answer for answers in together(16, act)[:14] for answer in answers]
        equal({answer.status for answer in heard} - {200, 201, 202, 401}, set(), "answers")
        taken = {answer.json()["id"] for answer in heard if answer.status < 300}
        held = rows(stack, "SELECT id FROM payments WHERE out_trade_no = ?", body["out_trade_no"])
        expect(len(held) <= 1 and taken <= {row[0] for row in held}, f"{taken} was answered, {held} is there")
        is_problem(doomed.call("POST", "/v1/payments", body, headers={"Idempotency-Key": key}), 401, "unauthorized")
        again = post(stack, "payments", body, key)
        expect(again.status in (200, 201) and taken <= {again.json()["id"]}, f"{again} after {taken}")
        equal(len(rows(stack, "SELECT id FROM payments WHERE out_trade_no = ?", body["out_trade_no"])), 1, "orders")
        ends += [answer.status for answer in heard]
    expect(any(status < 300 for status in ends), f"nobody was heard before the key was revoked: {ends}")


# ---- calls that make something and have no number of the merchant's


@test
def an_endpoint_is_added_once_under_a_key_and_its_secret_told_again(stack):
    wish = {"url": "https://shop.example/once"}
    made, key = once(stack, "webhook-endpoints", wish, "endpoints")
    expect(made["secret"].startswith("whsec_"), made)
    is_problem(post(stack, "webhook-endpoints", {"url": "https://shop.example/other"}, key), 422, "idempotency_key_reused")
    at_once(stack, "webhook-endpoints", wish, "endpoints")
    before = count(stack, "endpoints")
    ids = {post(stack, "webhook-endpoints", wish, used).json()["id"] for used in (None, None, number("K"))}
    equal((len(ids), count(stack, "endpoints") - before), (3, 3), "without a key, and under new ones")
    is_problem(post(stack, "webhook-endpoints", {"url": "ftp://shop.example/"}, fresh := number("K")), 400, "url_forbidden")
    equal(post(stack, "webhook-endpoints", wish, fresh).status, 201, "a refused call uses no key up")


@test
def a_repeat_after_a_restart_is_the_same_and_a_replay_of_it_is_refused(stack):
    """The repeat shows a secret, so the very bytes of its request are good once, like any other's."""
    key, nonce = number("K"), number("nonce-of-16-and-more-")
    first = post(stack, "webhook-endpoints", {"url": "https://shop.example/r"}, key)
    restart_gateway(stack)
    again = post(stack, "webhook-endpoints", {"url": "https://shop.example/r"}, key, nonce=nonce)
    equal((again.status, again.body), (first.status, first.body), "after a kill")
    is_problem(post(stack, "webhook-endpoints", {"url": "https://shop.example/r"}, key, nonce=nonce), 401, "nonce_used")


@test
def a_secret_that_was_changed_is_told_to_nobody_again(stack):
    made, key = once(stack, "webhook-endpoints", {"url": "https://shop.example/changed"}, "endpoints")
    changed = stack.admin("endpoint", "rotate", made["id"], "--overlap", "1h")
    again = post(stack, "webhook-endpoints", {"url": "https://shop.example/changed"}, key)
    equal((again.status, again.json()["secret"]), (201, made["secret"]), "while the old one lives")
    stack.admin("endpoint", "rotate", made["id"], "--overlap", "0s")
    refused = post(stack, "webhook-endpoints", {"url": "https://shop.example/changed"}, key)
    is_problem(refused, 409, "state_conflict")
    expect("whsec_" not in refused.text and changed, "a secret in the refusal")


@test
def an_event_is_delivered_again_once_under_a_key(stack):
    with Receiver() as receiver:
        stack.overrides["outbound.permit"] = f"127.0.0.1:{stack.sandbox_port} 127.0.0.1:{receiver.port}"
        restart_gateway(stack)
        equal(post(stack, "webhook-endpoints", {"url": receiver.url}).status, 201, "an endpoint")
        payment = settle(stack, create(stack))
        wait_for(lambda: "payment.succeeded" in event_types(stack, payment), "the event")
        wait_for(lambda: receiver.messages, "its delivery")
        event, key = receiver.ids()[0], number("K")
        first = post(stack, f"events/{event}/redeliver", None, key)
        expect(first.status == 202 and first.json()["deliveries"] >= 1, first)
        wait_for(lambda: receiver.ids().count(event) == 2, "the delivery by hand")
        again = [post(stack, f"events/{event}/redeliver", None, key) for _ in range(3)]
        equal({(answer.status, answer.headers.get("idempotent-replayed"), answer.json()["event_id"]) for answer in again}, {(202, "true", event)}, "the same again")
        equal(post(stack, f"events/{event}/redeliver", None, number("K")).status, 202, "under a new key")
        wait_for(lambda: receiver.ids().count(event) == 3, "its delivery")
        is_problem(post(stack, f"events/{event}/redeliver", {"x": 1}, key), 422, "idempotency_key_reused")
        equal(rows(stack, "SELECT count(*) FROM audit WHERE what = 'event.redelivered' AND subject = ?", event)[0][0], 2, "rows of the trail")
    del stack.overrides["outbound.permit"]
    restart_gateway(stack)


@test
def a_key_an_account_and_a_secret_are_added_once_under_a_key(stack):
    _, public = make_pair(stack.folder, "ed25519")
    once(stack, "keys", {"public_key": public.read_text()}, "keys")
    is_problem(post(stack, "keys", {"public_key": public.read_text()}, number("K")), 409, "already_exists")
    keys = stack.folder / "keys"
    settings = {"app_id": stack.platform["app_id"], "seller_id": stack.platform["seller_id"], "gateway_url": f"http://127.0.0.1:{stack.sandbox_port}/alipay/gateway.do",
                "private_key": (keys / "app_private_key.pem").read_text(), "platform_public_key": (keys / "alipay_public_key.pem").read_text()}
    once(stack, "accounts", {"channel": "alipay", "name": "once", "settings": settings}, "accounts")
    at_once(stack, "accounts", {"channel": "alipay", "name": "at once", "settings": settings}, "accounts")
    secrets = len(stack.merchant().call("GET", "/v1/app").json()["webhook_secrets"])
    once(stack, "app/secrets", None, "apps", made=0)
    at_once(stack, "app/secrets", None, "apps", made=0)
    equal(len(stack.merchant().call("GET", "/v1/app").json()["webhook_secrets"]), secrets + 2, "secrets of the app")


@test
def what_only_sets_a_state_takes_a_key_too(stack):
    account = stack.merchant().call("GET", "/v1/accounts").json()["data"][0]["id"]
    key = number("K")
    equal([post(stack, f"accounts/{account}/enable", None, key).status for _ in range(2)], [200, 200], "the same again")
    is_problem(post(stack, f"accounts/{account}/disable", None, key), 422, "idempotency_key_reused")
    equal(rows(stack, "SELECT enabled FROM accounts WHERE id = ?", account), [(1,)], "the account")


if __name__ == "__main__":
    main(setup)
