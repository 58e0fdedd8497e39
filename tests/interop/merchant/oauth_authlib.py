# SPDX-License-Identifier: Apache-2.0
"""A merchant's server with Authlib's session, unmodified: one word a line comes in, one JSON line goes out. See test_oauth_clients.py."""
import json
import os
import sys

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session

TILL, CLIENT, SECRET = (os.environ[name] for name in ("TILL_URL", "TILL_CLIENT", "TILL_CLIENT_SECRET"))


def session(secret, method="client_secret_basic"):
    return OAuth2Session(CLIENT, secret, scope="payments:read payments:write", token_endpoint=f"{TILL}/oauth2/token", grant_type="client_credentials",
                         token_endpoint_auth_method=method)


own = session(SECRET)


def fetch(of=None):
    token = (of or own).fetch_token()
    return {"token": token["access_token"], "scope": token["scope"], "expires_in": token["expires_in"], "type": token["token_type"]}


def call():
    # Bare, so that what the server says of the token is seen: own.get() would fetch another one first when it is about to expire.
    answer = own.get(f"{TILL}/v1/payments?limit=1", withhold_token=True, headers={"Authorization": f"Bearer {own.token['access_token']}"})
    return {"status": answer.status_code, "challenge": answer.headers.get("www-authenticate", "")}


def renewed():
    """The library renews by itself what has a minute left or less."""
    before = own.token["access_token"]
    answer = own.get(f"{TILL}/v1/payments?limit=1")
    return {"status": answer.status_code, "renewed": own.token["access_token"] != before}


def revoke():
    answer = own.revoke_token(f"{TILL}/oauth2/revoke", token=own.token["access_token"], token_type_hint="access_token")
    return {"status": answer.status_code}


def wrong():
    try:
        return fetch(session("till_secret_" + "0" * 64))
    except AuthlibBaseError as error:
        return {"error": error.error, "description": error.description}


def by_form():
    return fetch(session(SECRET, "client_secret_post"))


WORDS = {"fetch": fetch, "call": call, "renewed": renewed, "revoke": revoke, "wrong": wrong, "by_form": by_form}
for line in sys.stdin:
    print(json.dumps(WORDS[line.strip()]()), flush=True)
