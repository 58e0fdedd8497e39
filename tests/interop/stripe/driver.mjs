// SPDX-License-Identifier: Apache-2.0
// npm stripe behind the lines of tests/interop/sdk.py: a JSON document a line in, one a line out.
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';

const Stripe = createRequire(new URL('../../node/package.json', import.meta.url))('stripe');
const clients = new Map();
const camel = (name) => name.replace(/_[a-z]/g, (part) => part[1].toUpperCase());

// "checkout.sessions.create" of a client.
function method(client, path) {
  const names = path.split('.').map(camel);
  const last = names.pop();
  const resource = names.reduce((at, name) => at[name], clients.get(client));
  return resource[last === 'delete' && !resource.delete ? 'del' : last].bind(resource);
}

function options(ask) {
  const { idempotency_key: idempotencyKey, retries: maxNetworkRetries } = ask.options ?? {};
  const given = { ...(idempotencyKey && { idempotencyKey }), ...(maxNetworkRetries !== undefined && { maxNetworkRetries }) };
  return Object.keys(given).length ? [given] : [];
}

function told(error) {
  if (!error.type?.startsWith('Stripe')) throw error;
  return { error: {
    class: error.type.replace(/^Stripe|Error$/g, ''), type: error.rawType, code: error.code, param: error.param, decline_code: error.decline_code || null,
    status: error.statusCode, request_id: error.requestId, message: error.message, payment_intent: error.payment_intent?.status,
  } };
}

const verbs = {
  open(ask) {
    const { key, port, version } = ask.place;
    clients.set(ask.client, new Stripe(key, { host: '127.0.0.1', port, protocol: 'http', maxNetworkRetries: 0, ...(version && { apiVersion: version }) }));
    return true;
  },
  async call(ask) {
    try {
      const { lastResponse, ...value } = await method(ask.client, ask.path)(...ask.args, ...options(ask));
      return { object: value, status: lastResponse?.statusCode, request_id: lastResponse?.requestId, version: lastResponse?.apiVersion,
        key: lastResponse?.idempotencyKey };
    } catch (error) {
      return told(error);
    }
  },
  async pages(ask) {
    const ids = [];
    for await (const object of method(ask.client, ask.path)(...ask.args)) ids.push(object.id);
    return ids;
  },
  event(ask) {
    try {
      const event = clients.get(ask.client).webhooks.constructEvent(Buffer.from(ask.body, 'base64'), ask.header, ask.secret, ask.tolerance ?? 300);
      return { type: event.type, id: event.data.object.id };
    } catch (error) {
      return told(error);
    }
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line);
  let answer;
  try {
    answer = { value: await verbs[ask.do](ask) };
  } catch (error) {
    answer = { refused: `${error.name}: ${error.message}\n${error.stack}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
