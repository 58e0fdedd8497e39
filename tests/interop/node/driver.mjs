// SPDX-License-Identifier: Apache-2.0
// npm alipay-sdk behind the lines of tests/interop/sdk.py: a JSON document a line in, one a line out.
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';

const { AlipaySdk, AlipayFormData } = createRequire(new URL('../../node/package.json', import.meta.url))('alipay-sdk');
const clients = new Map();
const pem = (text) => text.trim();

// The SDK camel-cases what it reads; the scenes speak the platform's own names.
function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`), plain(inner)]));
}

function addresses({ notify_url: notifyUrl, return_url: returnUrl }) {
  return { ...(notifyUrl && { notifyUrl }), ...(returnUrl && { returnUrl }) };
}

const verbs = {
  open(ask) {
    const { place } = ask;
    const certificates = place.app_cert && {
      appCertContent: pem(place.app_cert), alipayPublicCertContent: pem(place.platform_cert), alipayRootCertContent: pem(place.root_cert),
    };
    clients.set(ask.client, new AlipaySdk({
      appId: place.app_id, privateKey: place.private_key[ask.key_form ?? 'pkcs1'], keyType: ask.key_form === 'pkcs8' ? 'PKCS8' : 'PKCS1',
      ...(certificates ?? { alipayPublicKey: place.platform_public_key }),
      ...(place.aes_key && { encryptKey: place.aes_key }), ...(place.gateway && { gateway: place.gateway }), ...(place.endpoint && { endpoint: place.endpoint }),
    }));
    return true;
  },
  async call(ask) {
    const sdk = clients.get(ask.client);
    const params = { bizContent: ask.business, ...addresses(ask), ...(sdk.config.encryptKey && { needEncrypt: true }) };
    // Its extractor needs a brace and an encrypted node has none, so it cannot verify one.
    const validateSign = ask.unverified !== true && !sdk.config.encryptKey;
    return plain(await sdk.exec(ask.method, params, { validateSign }));
  },
  async upload(ask) {
    const form = new AlipayFormData();
    for (const [name, value] of Object.entries(ask.business)) form.addField(name, value); // it has no biz_content beside a file
    form.addFile('file_content', 'coffee.png', Buffer.from(ask.file, 'base64'));
    return plain(await clients.get(ask.client).exec(ask.method, {}, { formData: form, validateSign: true }));
  },
  page: (ask) => clients.get(ask.client).pageExecute(ask.method, ask.how, { bizContent: ask.business, ...addresses(ask) }),
  order_string: (ask) => clients.get(ask.client).sdkExecute(ask.method, { bizContent: ask.business, ...addresses(ask) }),
  // checkNotifySignV2 drops sign_type (the rule of the platform's notifications); checkNotifySign tries it both ways.
  notified(ask) {
    const sdk = clients.get(ask.client);
    return ask.rule === 'v1' ? sdk.checkNotifySignV2({ ...ask.form }) : sdk.checkNotifySign({ ...ask.form });
  },
  // The platform's side of a request: the text without `sign`, under the app's key.
  requested(ask) {
    const { sign, ...rest } = ask.form;
    const text = Object.keys(rest).sort().filter((name) => rest[name] !== '').map((name) => `${name}=${rest[name]}`).join('&');
    return clients.get(ask.client).rsaCheck(text, sign, 'RSA2');
  },
  async v3(ask) {
    const sdk = clients.get(ask.client);
    const answer = await sdk.curl(ask.http, ask.path, { ...(ask.body && { body: ask.body }), ...(ask.query && { query: ask.query }),
      ...(sdk.config.encryptKey && { needEncrypt: true }) });
    return { status: answer.responseHttpStatus, data: plain(answer.data) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line);
  let answer;
  try {
    answer = verbs[ask.do] ? { value: await verbs[ask.do](ask) } : { lacks: `alipay-sdk has no call for ${ask.do}` };
  } catch (error) {
    answer = { refused: `${error.name} ${error.code ?? ''}: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
