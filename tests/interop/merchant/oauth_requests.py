# SPDX-License-Identifier: Apache-2.0
"""A merchant's server with requests-oauthlib, unmodified: one word a line comes in, one JSON line goes out. See test_oauth_clients.py."""
import json
import os
import sys
import time

from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error, TokenExpiredError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

TILL, CLIENT, SECRET = (os.environ[name] for name in ("TILL_URL", "TILL_CLIENT", "TILL_CLIENT_SECRET"))
LIST = f"{TILL}/v1/payments?limit=1"
own = OAuth2Session(client=BackendApplicationClient(CLIENT, scope="payments:read payments:write"))


def fetch(secret=SECRET, **how):
    token = own.fetch_token(f"{TILL}/oauth2/token", **(how or {"auth": HTTPBasicAuth(CLIENT, secret)}))
    return {"token": token["access_token"], "scope": " ".join(token["scope"]), "expires_in": token["expires_in"], "type": token["token_type"]}


def call():
    answer = own.get(LIST)
    return {"status": answer.status_code, "challenge": answer.headers.get("www-authenticate", "")}


def renewed():
    """The library refuses by itself to send what has expired by its own clock."""
    before = own.token["access_token"]
    own.token = {**own.token, "expires_at": time.time() - 1, "expires_in": -1}
    try:
        own.get(LIST)
    except TokenExpiredError:
        fetch()
    return {"status": own.get(LIST).status_code, "renewed": own.token["access_token"] != before}


def revoke():
    answer = own.post(f"{TILL}/oauth2/revoke", data={"token": own.token["access_token"]}, auth=HTTPBasicAuth(CLIENT, SECRET), withhold_token=True)
    return {"status": answer.status_code}


def wrong():
    try:
        return fetch("till_secret_" + "0" * 64)
    except OAuth2Error as error:
        return {"error": error.error, "description": error.description}


def by_form():
    return fetch(include_client_id=True, client_secret=SECRET)


WORDS = {"fetch": fetch, "call": call, "renewed": renewed, "revoke": revoke, "wrong": wrong, "by_form": by_form}
for line in sys.stdin:
    print(json.dumps(WORDS[line.strip()]()), flush=True)
