// SPDX-License-Identifier: Apache-2.0
// A merchant's server with openid-client, unmodified: one word a line comes in, one JSON line goes out. See test_oauth_clients.py.
import { createRequire } from "node:module";
import readline from "node:readline";
import { pathToFileURL } from "node:url";

const packages = createRequire(new URL("../../node/package.json", import.meta.url));
const oauth = await import(pathToFileURL(packages.resolve("openid-client")).href);
const { TILL_URL: till, TILL_CLIENT: client, TILL_CLIENT_SECRET: secret } = process.env;

function configured(shown, how) {
  const server = { issuer: till, token_endpoint: `${till}/oauth2/token`, revocation_endpoint: `${till}/oauth2/revoke` };
  const made = new oauth.Configuration(server, client, undefined, how(shown));
  oauth.allowInsecureRequests(made); // loopback without TLS
  return made;
}

const own = configured(secret, oauth.ClientSecretBasic);
let token;

async function fetched(config) {
  token = await oauth.clientCredentialsGrant(config, { scope: "payments:read payments:write" });
  return { token: token.access_token, scope: token.scope, expires_in: token.expires_in, type: token.token_type };
}

async function call() {
  try {
    const answer = await oauth.fetchProtectedResource(own, token.access_token, new URL(`${till}/v1/payments?limit=1`), "GET");
    return { status: answer.status, challenge: "" };
  } catch (error) { // the library reads the challenges and throws them
    return { status: error.status, challenge: error.response.headers.get("www-authenticate"), read: error.cause };
  }
}

async function renewed() { // this library tells how long the token lives, and leaves the rest to its user
  const before = token.access_token, left = token.expiresIn();
  if (!(left > 0 && left <= 60)) return { status: 0, renewed: false };
  await fetched(own);
  return { status: (await call()).status, renewed: token.access_token !== before };
}

async function wrong() {
  try {
    return await fetched(configured("till_secret_" + "0".repeat(64), oauth.ClientSecretBasic));
  } catch (error) {
    return { error: error.error ?? error.code, description: error.error_description, read: error.cause, status: error.status };
  }
}

const words = {
  fetch: () => fetched(own), call, renewed, wrong,
  revoke: async () => ({ status: (await oauth.tokenRevocation(own, token.access_token)) === undefined ? 200 : 0 }),
  by_form: () => fetched(configured(secret, oauth.ClientSecretPost)),
};
for await (const line of readline.createInterface({ input: process.stdin }))
  console.log(JSON.stringify(await words[line.trim()]()));
