# SPDX-License-Identifier: Apache-2.0
"""Tokens for secrets (OAuth2 client credentials): security cases S-017 to S-020 against the running gateway; each refusal beside what passes."""
import base64
import contextlib
import hashlib
import http.client
import json
import re
import sqlite3
import time
import urllib.parse

from keyed import make_pair
from tap import (Answer, admin_http, create, equal, expect, is_problem, main, metric, number, order, request, rows, second_merchant, settle, started,
                 test, together, wait_for)

FORM = "application/x-www-form-urlencoded"
SIGNED = [(scheme, {"realm": "till"}) for scheme in ("TILL-HMAC-SHA256", "TILL-RSA-SHA256", "TILL-ED25519")]
ALL_OF_PAYMENTS = "payments:read payments:write refunds:read refunds:write"


def setup():
    stack = started(oauth__failures_per_address=100000)
    stack.shown = []  # every secret and token that the tests got: none may be in a log
    return stack


def written(stack, sql, *values):
    """Straight into the store, past the gateway; how many rows it changed."""
    with contextlib.closing(sqlite3.connect(stack.folder / "till.db", timeout=10)) as handle:
        changed = handle.execute(sql, values).rowcount
        handle.commit()
    return changed


def add_client(stack, scopes=ALL_OF_PAYMENTS, app=None):
    client = stack.admin("client", "add", "--app", (app or stack.app)["id"], "--scopes", scopes)
    stack.shown.append(client["secret"])
    return client


def ask(stack, target="/oauth2/token", basic=None, source=None, media_type=FORM, **form):
    """One form; basic: (id, secret). source: an address of loopback to come from."""
    body = urllib.parse.urlencode(form).encode()
    headers = {"Content-Type": media_type}
    if basic:
        pair = ":".join(urllib.parse.quote_plus(part) for part in basic)
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    if source is None:
        return request(stack.gateway_port, "POST", target, body, headers)
    connection = http.client.HTTPConnection("127.0.0.1", stack.gateway_port, timeout=30, source_address=(source, 0))
    with contextlib.closing(connection):
        connection.request("POST", target, body=body, headers=headers)
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


def fetch(stack, client, secret=None, **form):
    return ask(stack, basic=(client["id"], secret or client["secret"]), grant_type="client_credentials", **form)


def token_of(stack, client, **form):
    answer = fetch(stack, client, **form)
    equal(answer.status, 200, f"a token: {answer}")
    stack.shown.append(answer.json()["access_token"])
    return answer.json()["access_token"]


def call(stack, token, method, target, document=None, scheme="Bearer"):
    body = b"" if document is None else json.dumps(document).encode()
    headers = {"Authorization": f"{scheme} {token}"}
    if body:
        headers["Content-Type"] = "application/json"
    return request(stack.gateway_port, method, target, body, headers)


def challenges(answer):
    """[(scheme, its parameters)] of WWW-Authenticate, read as RFC 9110 section 11.6.1 has it."""
    found, text = [], answer.headers["www-authenticate"]
    for word in re.findall(r'[^\s,]+="[^"]*"|[^\s,="]+', text):
        name, equals, value = word.partition("=")
        if equals:
            found[-1][1][name] = value.strip('"')
        else:
            found.append((word, {}))
    return found


def opens(stack, token):
    return call(stack, token, "GET", "/v1/payments?limit=1").status


def is_dead(stack, token):
    answer = call(stack, token, "GET", "/v1/payments?limit=1")
    document = is_problem(answer, 401, "invalid_token")
    equal(challenges(answer), [("Bearer", {"realm": "till", "error": "invalid_token"}), *SIGNED], "challenge")
    document.pop("request_id")
    return document


def is_refused(answer, status, error):
    """A refusal as RFC 6749 section 5.2 has it."""
    equal((answer.status, answer.headers.get("content-type")), (status, "application/json"), f"refusal: {answer}")
    document = answer.json()
    equal((document["error"], sorted(document)), (error, ["error", "error_description"]), "members")
    equal((answer.headers.get("cache-control"), answer.headers.get("pragma")), ("no-store", "no-cache"), "caching")
    equal(answer.headers.get("www-authenticate"), 'Basic realm="till"' if status == 401 else None, "challenge")
    return document


def count(stack, table):
    return rows(stack, f"SELECT count(*) FROM {table}")[0][0]


def digest_of(text):
    return hashlib.sha256(text.encode()).digest()


@test
def s_017_a_client_without_a_secret_opens_for_nobody(stack):
    add = ("INSERT INTO oauth_clients(id, app_id, name, scopes, enabled, secret, created_us) VALUES (?, ?, 'old', 'payments:read', 1, ?, 1)")
    for blank in (b"", b"\0" * 31):
        try:
            written(stack, add, "cli_blank", stack.app["id"], blank)
        except sqlite3.IntegrityError as error:
            expect("CHECK" in str(error), error)
        else:
            raise AssertionError(f"a digest of {len(blank)} bytes was stored")
    planted = {"cli_null": None, "cli_of_nothing": digest_of(""), "cli_zeros": b"\0" * 32, "cli_word": digest_of("password")}
    for name, secret in planted.items():
        written(stack, add, name, stack.app["id"], secret)
    tokens, said = count(stack, "oauth_tokens"), []
    for name in (*planted, "cli_of_nobody"):
        for secret in ("", "\0", "password", "till_secret_" + "0" * 64):
            said.append(is_refused(ask(stack, basic=(name, secret), grant_type="client_credentials"), 401, "invalid_client"))
        said.append(is_refused(ask(stack, client_id=name, grant_type="client_credentials"), 401, "invalid_client"))
        said.append(is_refused(ask(stack, client_id=name, client_secret="", grant_type="client_credentials"), 401, "invalid_client"))
    client = add_client(stack)
    said.append(is_refused(ask(stack, basic=(client["id"], ""), grant_type="client_credentials"), 401, "invalid_client"))
    expect(all(document == said[0] for document in said), f"the refusals differ: {said}")
    equal(count(stack, "oauth_tokens"), tokens, "tokens")
    equal(written(stack, "DELETE FROM oauth_clients WHERE created_us = 1"), len(planted), "rows planted")
    equal(fetch(stack, client).status, 200, "the right secret")


@test
def s_018_a_token_of_one_app_does_not_reach_a_payment_of_another(stack):
    stranger, _, _ = second_merchant(stack, "Stranger")
    foreign, own = (token_of(stack, add_client(stack, app=app)) for app in (stranger, stack.app))
    payment = settle(stack, create(stack))
    pending = create(stack)
    before = (count(stack, "refunds"), count(stack, "events"), count(stack, "ledger"), len(stack.control("GET", "/exchanges")["exchanges"]))
    for identity in (payment["id"], pending["id"]):
        is_problem(call(stack, foreign, "GET", f"/v1/payments/{identity}"), 404, "not_found")
        is_problem(call(stack, foreign, "POST", f"/v1/payments/{identity}/close", {}), 404, "not_found")
        is_problem(call(stack, foreign, "POST", f"/v1/payments/{identity}/refunds", {"amount": 1, "out_refund_no": number("R")}), 404, "not_found")
    equal(call(stack, foreign, "GET", f"/v1/payments?out_trade_no={payment['out_trade_no']}").json()["data"], [], "by number")
    equal((count(stack, "refunds"), count(stack, "events"), count(stack, "ledger"), len(stack.control("GET", "/exchanges")["exchanges"])), before, "effects")
    equal(call(stack, own, "GET", f"/v1/payments/{payment['id']}").status, 200, "its own: get")
    equal(call(stack, own, "POST", f"/v1/payments/{pending['id']}/close", {}).status, 200, "its own: close")
    refund = call(stack, own, "POST", f"/v1/payments/{payment['id']}/refunds", {"amount": 1, "out_refund_no": number("R")})
    expect(refund.status in (200, 201, 202), f"its own: refund {refund}")


@test
def s_019_a_token_that_has_expired_opens_nothing(stack):
    client = add_client(stack)
    answer = fetch(stack, client)
    equal((answer.json()["token_type"], answer.json()["expires_in"]), ("Bearer", 3600), "lifetime")
    token, later = token_of(stack, client), token_of(stack, client)
    equal(opens(stack, token), 200, "alive")
    end_us = int((time.time() + 1.5) * 1e6)
    equal(written(stack, "UPDATE oauth_tokens SET expires_us = ? WHERE digest = ?", end_us, digest_of(token)), 1, "tokens by digest")
    wait_for(lambda: time.time() * 1e6 > end_us + 1e6, "a second after its end", 10)
    is_dead(stack, token)
    equal(opens(stack, later), 200, "one that has not expired")
    fetch(stack, client)
    equal(rows(stack, "SELECT count(*) FROM oauth_tokens WHERE digest = ?", digest_of(token))[0][0], 0, "the expired row, after the next token")


@test
def s_019_what_is_nearly_a_token_is_none(stack):
    token = token_of(stack, add_client(stack))
    said = []
    for at in (0, 4, 11, 40, len(token) - 1):
        said.append(is_dead(stack, token[:at] + ("0" if token[at] != "0" else "1") + token[at + 1:]))
    for other in (token[:-1], token + "0", token.upper(), token[11:], "x" * 2000, "till_token_", token + " " + token, digest_of(token).hex()):
        said.append(is_dead(stack, other))
    expect(all(document == said[0] for document in said), f"the refusals differ: {said}")
    equal([call(stack, token, "GET", "/v1/payments?limit=1", scheme=scheme).status for scheme in ("Bearer", "bearer", "BEARER")], [200] * 3, "the token")
    is_problem(call(stack, token, "GET", "/v1/payments?limit=1", scheme="Token"), 401, "unauthorized")
    is_problem(request(stack.gateway_port, "GET", f"/v1/payments?limit=1&access_token={token}"), 401, "unauthorized")


@test
def s_019_a_token_dies_with_its_client_its_app_and_its_revocation(stack):
    app, _, _ = second_merchant(stack, "Short lived")
    client, other = add_client(stack, app=app), add_client(stack, app=app)
    token, bystander = token_of(stack, client), token_of(stack, other)
    equal((opens(stack, token), opens(stack, bystander)), (200, 200), "alive, and believed")
    stack.admin("client", "disable", client["id"])
    is_dead(stack, token)
    is_refused(fetch(stack, client), 401, "invalid_client")
    stack.admin("client", "enable", client["id"])
    equal(opens(stack, token), 200, "enabled again")
    stack.admin("app", "disable", app["id"])
    is_dead(stack, token)
    is_refused(fetch(stack, client), 401, "invalid_client")
    stack.admin("app", "enable", app["id"])
    equal(opens(stack, token), 200, "the app is enabled again")
    stack.admin("client", "revoke", client["id"])
    is_dead(stack, token)
    is_refused(fetch(stack, client), 401, "invalid_client")
    equal(rows(stack, "SELECT secret, older FROM oauth_clients WHERE id = ?", client["id"]), [(None, None)], "its secrets")
    equal(rows(stack, "SELECT count(*) FROM oauth_tokens WHERE client_id = ?", client["id"]), [(0,)], "its tokens")
    is_problem(admin_http(stack, "POST", f"/admin/clients/{client['id']}/enable", {}), 409, "state_conflict")
    is_dead(stack, token)
    equal(opens(stack, bystander), 200, "another client of the app")


@test
def s_020_wrong_secrets_are_throttled_and_others_are_not(stack):
    """Ten a minute of one client from one address; the 11th is not looked at, and so is its right secret there."""
    victim, other = add_client(stack), add_client(stack)
    wrong = "till_secret_" + "f" * 64
    for _ in range(10):
        is_refused(fetch(stack, victim, wrong), 401, "invalid_client")
    for secret in (wrong, wrong, victim["secret"]):
        answer = fetch(stack, victim, secret)
        is_refused(answer, 429, "temporarily_unavailable")
        expect(1 <= int(answer.headers["retry-after"]) <= 60, answer.headers)
    right = {"grant_type": "client_credentials", "client_id": victim["id"], "client_secret": victim["secret"]}
    equal(ask(stack, source="127.0.0.2", **right).status, 200, "the same client from elsewhere")
    equal(fetch(stack, other).status, 200, "another client from the same address")
    expect(metric(stack, 'till_security_events_total{kind="client_refused"}') >= 10, "the refusals were not counted")


@test
def s_020_the_sum_of_a_client_slows_guessing_and_locks_nobody_out(stack):
    victim, wrong, statuses = add_client(stack), "till_secret_" + "e" * 64, []
    for last in range(11, 22):
        for _ in range(10):
            statuses.append(ask(stack, source=f"127.0.0.{last}", grant_type="client_credentials", client_id=victim["id"], client_secret=wrong).status)
    equal((statuses[:100].count(401), statuses[100:]), (100, [429] * 10), "from eleven addresses, ten each")
    right = {"grant_type": "client_credentials", "client_id": victim["id"], "client_secret": victim["secret"]}
    equal(ask(stack, source="127.0.0.50", **right).status, 200, "its right secret")


@test
def s_020_two_hundred_wrong_secrets_at_one_moment_are_counted_one_by_one(stack):
    """They may all be judged before the first is counted; no more than ten are told what came of it, all the same."""
    victim, other = add_client(stack), add_client(stack)
    wrong = {"grant_type": "client_credentials", "client_id": victim["id"], "client_secret": "till_secret_" + "d" * 64}
    right = dict(wrong, client_secret=victim["secret"])
    before = metric(stack, 'till_security_events_total{kind="client_refused"}')
    answers = together(200, lambda _: ask(stack, source="127.0.0.60", **wrong))
    refused = [answer for answer in answers if answer.status == 401]
    equal((len(refused), [answer.status for answer in answers].count(429)), (10, 190), "refused, and told to wait")
    expect(all(is_refused(answer, 401, "invalid_client") == is_refused(refused[0], 401, "invalid_client") for answer in refused), "the refusals differ")
    for answer in answers:
        if answer.status == 429:
            is_refused(answer, 429, "temporarily_unavailable")
            expect(1 <= int(answer.headers["retry-after"]) <= 60, answer.headers)
    equal(metric(stack, 'till_security_events_total{kind="client_refused"}') - before, 10, "refusals counted")
    equal(ask(stack, source="127.0.0.61", **right).status, 200, "its right secret from elsewhere")
    equal(ask(stack, source="127.0.0.60", **dict(right, client_id=other["id"], client_secret=other["secret"])).status, 200, "another client from there")
    sums = together(200, lambda index: ask(stack, source=f"127.0.0.{100 + index // 10}", **dict(wrong, client_id=other["id"])))
    equal(sorted({answer.status: [one.status for one in sums].count(answer.status) for answer in sums}.items()), [(401, 100), (429, 100)], "the sum of a client")
    equal(ask(stack, source="127.0.0.62", **dict(right, client_id=other["id"], client_secret=other["secret"])).status, 200, "its right secret still")


@test
def two_hundred_right_secrets_at_one_moment_are_two_hundred_tokens(stack):
    client = add_client(stack)
    answers = together(200, lambda _: fetch(stack, client))
    equal(len({answer.json()["access_token"] for answer in answers if answer.status == 200}), 200, "tokens")


@test
def a_client_proves_itself_once_by_basic_or_in_the_form(stack):
    client = add_client(stack)
    grant, both = {"grant_type": "client_credentials"}, (client["id"], client["secret"])
    in_form = {"client_id": client["id"], "client_secret": client["secret"]}
    answers = [ask(stack, basic=both, **grant), ask(stack, **grant, **in_form), ask(stack, basic=both, client_id=client["id"], **grant)]
    for answer in answers:
        equal((answer.status, answer.headers["cache-control"], answer.headers["pragma"]), (200, "no-store", "no-cache"), answer.status)
        equal(sorted(answer.json()), ["access_token", "expires_in", "scope", "token_type"], "members")
        stack.shown.append(answer.json()["access_token"])
    is_refused(ask(stack, basic=both, **grant, **in_form), 400, "invalid_request")
    is_refused(ask(stack, basic=both, client_id="cli_other", **grant), 400, "invalid_request")
    is_refused(ask(stack, **in_form), 400, "invalid_request")
    is_refused(ask(stack, grant_type="password", **in_form), 400, "unsupported_grant_type")
    is_refused(ask(stack, media_type="application/json", **grant, **in_form), 400, "invalid_request")
    is_refused(ask(stack, target="/oauth2/token?client_id=" + client["id"], **grant, **in_form), 400, "invalid_request")
    is_refused(ask(stack, **grant), 401, "invalid_client")
    twice = urllib.parse.urlencode([*grant.items(), *in_form.items(), ("client_id", client["id"])]).encode()
    is_refused(request(stack.gateway_port, "POST", "/oauth2/token", twice, {"Content-Type": FORM}), 400, "invalid_request")
    for header in ("Basic", "Basic !!", "Basic " + base64.b64encode(client["id"].encode()).decode(), "Bearer x"):
        body = urllib.parse.urlencode(grant).encode()
        is_refused(request(stack.gateway_port, "POST", "/oauth2/token", body, {"Content-Type": FORM, "Authorization": header}), 401, "invalid_client")
    is_problem(request(stack.gateway_port, "GET", "/oauth2/token"), 405, "method_not_allowed")


@test
def a_token_has_the_scopes_that_were_asked_and_no_more(stack):
    client = add_client(stack, "refunds:read payments:write payments:read")
    equal(fetch(stack, client).json()["scope"], "payments:read payments:write refunds:read", "all of them, in order")
    answer = fetch(stack, client, scope="payments:read")
    equal((answer.status, answer.json()["scope"]), (200, "payments:read"), "a part")
    for scope in ("refunds:write", "payments:read refunds:write", "everything", "PAYMENTS:READ", "payments:read,payments:write"):
        is_refused(fetch(stack, client, scope=scope), 400, "invalid_scope")
    reader, payments = answer.json()["access_token"], count(stack, "payments")
    stack.shown.append(reader)
    equal(opens(stack, reader), 200, "it reads")
    refused = call(stack, reader, "POST", "/v1/payments", order())
    is_problem(refused, 403, "scope_missing")
    equal(refused.headers["www-authenticate"], 'Bearer realm="till", error="insufficient_scope", scope="payments:write"', "challenge")
    equal(count(stack, "payments"), payments, "payments")
    writer = token_of(stack, client, scope="payments:write")
    equal(call(stack, writer, "POST", "/v1/payments", order()).status, 201, "one that writes")
    is_problem(call(stack, writer, "GET", "/v1/payments?limit=1"), 403, "scope_missing")


@test
def s_002_a_refusal_names_every_way_in_and_not_what_was_wrong(stack):
    wrong, unknown, late = (stack.merchant() for _ in range(3))
    wrong.secret, unknown.key_id = b"x" * 32, "key_" + "0" * 32
    signed = [wrong.call("GET", "/v1/payments"), unknown.call("GET", "/v1/payments"), late.call("GET", "/v1/payments", timestamp=1),
              request(stack.gateway_port, "GET", "/v1/payments"), request(stack.gateway_port, "GET", "/v1/payments", headers={"Authorization": "Basic eDp5"})]
    for answer in signed:
        equal((answer.status, challenges(answer)), (401, [*SIGNED, ("Bearer", {"realm": "till"})]), "without a token no error is told (RFC 6750)")
    equal(challenges(request(stack.gateway_port, "POST", "/v1/keys")), SIGNED, "where no token is taken, none is asked for")
    expect("www-authenticate" not in stack.merchant().call("GET", "/v1/payments").headers, "a challenge to who is proven")
    nonce, merchant = number("nonce-of-16-and-more-"), stack.merchant()
    equal(merchant.call("POST", "/v1/payments", order(), nonce=nonce).status, 201, "the first with a nonce")
    again = merchant.call("POST", "/v1/payments", order(), nonce=nonce)
    is_problem(again, 401, "nonce_used")
    equal(challenges(again), [*SIGNED, ("Bearer", {"realm": "till"})], "a nonce twice")


@test
def an_order_sent_again_by_token_is_the_same_order(stack):
    token, wish = token_of(stack, add_client(stack)), order()
    first, again = (call(stack, token, "POST", "/v1/payments", wish) for _ in range(2))
    equal((first.status, again.json()["id"]), (201, first.json()["id"]), "one payment")
    equal(rows(stack, "SELECT count(*) FROM payments WHERE out_trade_no = ?", wish["out_trade_no"])[0][0], 1, "rows")
    is_problem(call(stack, token, "POST", "/v1/payments", dict(wish, amount=991)), 409, "order_conflict")


@test
def a_token_adds_no_key_whatever_its_scopes(stack):
    token = token_of(stack, add_client(stack, "keys:read keys:write"))
    keys = count(stack, "keys")
    _, public = make_pair(stack.folder, "ed25519")
    is_problem(call(stack, token, "POST", "/v1/keys", {"public_key": public.read_text()}), 403, "forbidden")
    for wrong in (token[:-1], "nonsense"):
        answer = call(stack, wrong, "POST", "/v1/keys", {"public_key": public.read_text()})
        is_problem(answer, 401, "invalid_token")
        equal(challenges(answer), SIGNED, "how it can be opened")
    equal(count(stack, "keys"), keys, "keys")
    equal(call(stack, token, "GET", "/v1/keys").status, 200, "it lists them")


@test
def two_secrets_live_during_a_rotation_and_a_token_dies_with_its_own(stack):
    client = add_client(stack)
    old_token = token_of(stack, client)
    fresh = stack.admin("client", "secret", client["id"], "--overlap", "1h")
    stack.shown.append(fresh["secret"])
    expect(fresh["secret"] != client["secret"] and fresh["old_ends_at"], "a new secret, and an end of the old one")
    equal((fetch(stack, client).status, fetch(stack, client, fresh["secret"]).status), (200, 200), "both alive")
    fetched = fetch(stack, client, fresh["secret"]).json()["access_token"]
    equal((opens(stack, old_token), opens(stack, fetched)), (200, 200), "tokens of both")
    end_us = int((time.time() + 1) * 1e6)
    written(stack, "UPDATE oauth_clients SET older_ends_us = ? WHERE id = ?", end_us, client["id"])
    wait_for(lambda: time.time() * 1e6 > end_us + 1.1e6, "its end", 10)
    is_dead(stack, old_token)
    is_refused(fetch(stack, client), 401, "invalid_client")
    last = stack.admin("client", "secret", client["id"], "--overlap", "0s")
    stack.shown.append(last["secret"])
    is_dead(stack, fetched)
    is_refused(fetch(stack, client, fresh["secret"]), 401, "invalid_client")
    equal(opens(stack, token_of(stack, dict(client, secret=last["secret"]))), 200, "the last secret's token")


@test
def a_token_is_taken_back_by_its_own_client_only(stack):
    client, other = add_client(stack), add_client(stack)
    token, kept = token_of(stack, client), token_of(stack, client)
    equal((opens(stack, token), opens(stack, kept)), (200, 200), "alive")
    take_back = {"target": "/oauth2/revoke", "basic": (client["id"], client["secret"])}
    is_refused(ask(stack, target="/oauth2/revoke", basic=(other["id"], other["secret"]), token=token), 400, "invalid_grant")
    is_refused(ask(stack, target="/oauth2/revoke", basic=(client["id"], "wrong"), token=token), 401, "invalid_client")
    is_refused(ask(stack, **take_back), 400, "invalid_request")
    equal(opens(stack, token), 200, "still alive")
    for text in (token, token, "till_token_" + "0" * 64, "nonsense"):
        answer = ask(stack, **take_back, token=text, token_type_hint="access_token")
        equal((answer.status, answer.headers["cache-control"]), (200, "no-store"), answer)
    is_dead(stack, token)
    equal(opens(stack, kept), 200, "its other token")


@test
def a_client_holds_a_thousand_tokens_and_is_told_when_one_ends(stack):
    client, other = add_client(stack), add_client(stack)
    now_us = int(time.time() * 1e6)
    with contextlib.closing(sqlite3.connect(stack.folder / "till.db", timeout=10)) as handle:
        secret = handle.execute("SELECT secret FROM oauth_clients WHERE id = ?", (client["id"],)).fetchone()[0]
        add = "INSERT INTO oauth_tokens(digest, client_id, secret, scopes, created_us, expires_us) VALUES (?, ?, ?, 'payments:read', ?, ?)"
        handle.executemany(add, [(digest_of(f"{client['id']} {i}"), client["id"], secret, now_us, now_us + 3_000_000_000 + i) for i in range(999)])
        handle.commit()
    token = token_of(stack, client)
    answer = fetch(stack, client)
    is_refused(answer, 429, "temporarily_unavailable")
    expect(2900 <= int(answer.headers["retry-after"]) <= 3000, answer.headers)
    equal((opens(stack, token), fetch(stack, other).status), (200, 200), "what it holds, and another client")
    equal(ask(stack, target="/oauth2/revoke", basic=(client["id"], client["secret"]), token=token).status, 200, "one is taken back")
    equal(fetch(stack, client).status, 200, "room again")


@test
def a_secret_is_shown_once_and_neither_it_nor_a_token_is_kept_or_logged(stack):
    client = add_client(stack)
    token = token_of(stack, client)
    call(stack, token[:-1], "GET", "/v1/payments?limit=1")
    fetch(stack, client, client["secret"][:-1])
    ask(stack, target="/oauth2/token?" + urllib.parse.urlencode({"client_secret": client["secret"]}), grant_type="client_credentials")
    listed = json.dumps(stack.admin("client", "list"))
    expect(client["id"] in listed and "till_secret_" not in listed and digest_of(client["secret"]).hex() not in listed, "the list shows a secret")
    expect(len(stack.shown) > 10, "too few to look for")
    for path in sorted(stack.folder.glob("*.log")) + sorted(stack.folder.glob("till.db*")):
        content = path.read_bytes()
        for text in stack.shown:
            expect(text.encode() not in content and text[12:60].encode() not in content, f"{path.name} holds {text[:16]}...")
    log = (stack.folder / "till.log").read_text(encoding="utf-8")
    expect('"oauth.token"' in log or "/oauth2/token" in log, "the log does not know the requests at all")


if __name__ == "__main__":
    main(setup)
