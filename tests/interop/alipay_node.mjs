// SPDX-License-Identifier: Apache-2.0
// npm alipay-sdk, unmodified, against a real `till sandbox`: every answer verified (validateSign), every
// notification that was really sent verified. TAP on standard output. Usage: node alipay_node.mjs PATH_TO_TILL
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { createRequire } from 'node:module';

const { AlipaySdk, AlipayFormData } = createRequire(new URL('../node/package.json', import.meta.url))('alipay-sdk');

const till = process.argv[2];
if (!till) throw new Error('give the path of till');

async function startSandbox() {
  const child = spawn(till, ['sandbox', '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk) => { log += chunk; });
  let line = '';
  while (!line.includes('\n')) {
    const [chunk] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => { throw new Error(log); })]);
    line += chunk;
  }
  return { child, url: line.match(/http:\/\/\S+/)[0], log: () => log };
}

// The merchant's notify address: answers as the list says ('success' when it is empty), remembers the raw bodies.
async function startListener() {
  const notifications = [];
  const replies = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => { body += chunk; });
    request.on('end', () => {
      notifications.push({ body, type: request.headers['content-type'], url: request.url });
      response.end(replies.shift() ?? 'success');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, notifications, replies, url: `http://127.0.0.1:${server.address().port}/notify?shop=1` };
}

async function until(condition, what) {
  for (let i = 0; i < 200; i++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited in vain for ${what}`);
}

const sandbox = await startSandbox();
const listener = await startListener();

async function control(method, path, document) {
  const answer = await fetch(`${sandbox.url}/control${path}`, {
    method, headers: { 'content-type': 'application/json' }, body: document && JSON.stringify(document),
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

// Keys as the key tool hands them out: one base64 line each.
function makeKeys(type) {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    privateKey: privateKey.export({ type, format: 'der' }).toString('base64'),
    publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
  };
}

async function makeMerchant(keyType) {
  const keys = makeKeys(keyType === 'PKCS8' ? 'pkcs8' : 'pkcs1');
  const app = await control('POST', '/apps', { name: 'interop', public_key: keys.publicKey });
  const sdk = new AlipaySdk({
    appId: app.app_id, privateKey: keys.privateKey, keyType, alipayPublicKey: app.platform_public_key,
    gateway: `${sandbox.url}/alipay/gateway.do`,
  });
  return { app, sdk, keys };
}

let number = 0;
const order = () => `INTEROP${Date.now()}${++number}`;
const { app, sdk, keys } = await makeMerchant('PKCS8');
const call = (method, bizContent, more = {}) => sdk.exec(method, { bizContent, ...more }, { validateSign: true });

async function ordered(amount = '9.90', more = {}) {
  const outTradeNo = order();
  const answer = await call('alipay.trade.precreate', { out_trade_no: outTradeNo, total_amount: amount, subject: '一杯咖啡 coffee', ...more },
    { notifyUrl: listener.url });
  return { outTradeNo, answer };
}

async function paid(amount) {
  const { outTradeNo } = await ordered(amount);
  const before = listener.notifications.length;
  await control('POST', `/trades/${outTradeNo}/pay`);
  await until(() => listener.notifications.length > before, 'the paid notification');
  return outTradeNo;
}

const lastForm = () => Object.fromEntries(new URLSearchParams(listener.notifications.at(-1).body));

const tests = {
  async 'precreate gives a code that a phone can open'() {
    const { outTradeNo, answer } = await ordered();
    assert.equal(answer.code, '10000');
    assert.equal(answer.outTradeNo, outTradeNo);
    assert.match(answer.qrCode, /^http:\/\/127\.0\.0\.1:\d+\/alipay\/qr\/bax\d{5}[0-9a-z]{16}$/);
    assert.ok(answer.traceId);
  },
  async 'the same order again gives the same code, another amount is refused'() {
    const { outTradeNo, answer } = await ordered();
    const again = await call('alipay.trade.precreate', { out_trade_no: outTradeNo, total_amount: '9.90', subject: '一杯咖啡 coffee' });
    assert.equal(again.qrCode, answer.qrCode);
    const other = await call('alipay.trade.precreate', { out_trade_no: outTradeNo, total_amount: '9.91', subject: '一杯咖啡 coffee' });
    assert.equal(other.subCode, 'ACQ.CONTEXT_INCONSISTENT');
  },
  async 'query walks from unknown over waiting to paid'() {
    const { outTradeNo } = await ordered('12.34');
    assert.equal((await call('alipay.trade.query', { out_trade_no: outTradeNo })).subCode, 'ACQ.TRADE_NOT_EXIST');
    await control('POST', `/trades/${outTradeNo}/scan`);
    assert.equal((await call('alipay.trade.query', { out_trade_no: outTradeNo })).tradeStatus, 'WAIT_BUYER_PAY');
    await control('POST', `/trades/${outTradeNo}/pay`);
    const answer = await call('alipay.trade.query', { out_trade_no: outTradeNo });
    assert.equal(answer.tradeStatus, 'TRADE_SUCCESS');
    assert.equal(answer.totalAmount, '12.34');
    assert.match(answer.tradeNo, /^\d{28}$/);
    assert.match(answer.sendPayDate, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    assert.deepEqual(answer.fundBillList, [{ amount: '12.34', fundChannel: 'ALIPAYACCOUNT' }]);
  },
  async 'two partial refunds count up, the third is too much'() {
    const outTradeNo = await paid('10.00');
    const refund = (out_request_no, refund_amount) => call('alipay.trade.refund', { out_trade_no: outTradeNo, out_request_no, refund_amount });
    const first = await refund('R1', '3.00');
    assert.deepEqual([first.code, first.fundChange, first.refundFee], ['10000', 'Y', '3.00']);
    const second = await refund('R2', '4.00');
    assert.deepEqual([second.code, second.fundChange, second.refundFee], ['10000', 'Y', '7.00']);
    const third = await refund('R3', '3.01');
    assert.deepEqual([third.code, third.subCode], ['40004', 'ACQ.REASON_TRADE_REFUND_FEE_ERR']);
    const repeat = await refund('R2', '4.00');
    assert.deepEqual([repeat.code, repeat.fundChange, repeat.refundFee], ['10000', 'N', '7.00']);
    assert.equal((await refund('R2', '4.01')).subCode, 'ACQ.DISCORDANT_REPEAT_REQUEST');
  },
  async 'refund query tells a refund from a number that never was one'() {
    const outTradeNo = await paid('10.00');
    await call('alipay.trade.refund', { out_trade_no: outTradeNo, out_request_no: 'A', refund_amount: '2.50' });
    const good = await call('alipay.trade.fastpay.refund.query', { out_trade_no: outTradeNo, out_request_no: 'A' });
    assert.deepEqual([good.refundStatus, good.refundAmount, good.totalAmount], ['REFUND_SUCCESS', '2.50', '10.00']);
    const bare = await call('alipay.trade.fastpay.refund.query', { out_trade_no: outTradeNo, out_request_no: 'B' });
    assert.deepEqual([bare.code, bare.refundStatus], ['10000', undefined]);
  },
  async 'cancel closes, refunds, and shrugs at what it does not know'() {
    const unknown = await call('alipay.trade.cancel', { out_trade_no: order() });
    assert.deepEqual([unknown.code, unknown.retryFlag, unknown.action], ['10000', 'N', undefined]);
    const { outTradeNo } = await ordered();
    await control('POST', `/trades/${outTradeNo}/scan`);
    assert.equal((await call('alipay.trade.cancel', { out_trade_no: outTradeNo })).action, 'close');
    const bought = await paid('5.00');
    assert.equal((await call('alipay.trade.cancel', { out_trade_no: bought })).action, 'refund');
    assert.equal((await call('alipay.trade.query', { out_trade_no: bought })).tradeStatus, 'TRADE_CLOSED');
  },
  async 'close takes waiting trades only'() {
    const { outTradeNo } = await ordered();
    assert.equal((await call('alipay.trade.close', { out_trade_no: outTradeNo })).subCode, 'ACQ.TRADE_NOT_EXIST');
    await control('POST', `/trades/${outTradeNo}/scan`);
    assert.equal((await call('alipay.trade.close', { out_trade_no: outTradeNo })).code, '10000');
    const bought = await paid('5.00');
    assert.equal((await call('alipay.trade.close', { out_trade_no: bought })).subCode, 'ACQ.TRADE_STATUS_ERROR');
  },
  async 'a paid notification verifies by both routines'() {
    const outTradeNo = await paid('6.66');
    const form = lastForm();
    assert.equal(form.out_trade_no, outTradeNo);
    assert.equal(form.trade_status, 'TRADE_SUCCESS');
    assert.equal(form.total_amount, '6.66');
    assert.equal(form.app_id, app.app_id);
    assert.equal(form.subject, '一杯咖啡 coffee');
    assert.ok(sdk.checkNotifySign(form));
    assert.ok(sdk.checkNotifySign(form, true));
    assert.ok(sdk.checkNotifySignV2(form));
    assert.ok(!sdk.checkNotifySignV2({ ...form, total_amount: '6.67' }));
    assert.ok(Object.values(form).every((value) => value !== ''));
    assert.deepEqual(JSON.parse(form.fund_bill_list), [{ amount: '6.66', fundChannel: 'ALIPAYACCOUNT' }]);
  },
  async 'percent, plus and ampersand in a subject survive the notification'() {
    const { outTradeNo } = await ordered('1.00', { subject: '50% & more + tax = ok' });
    const before = listener.notifications.length;
    await control('POST', `/trades/${outTradeNo}/pay`);
    await until(() => listener.notifications.length > before, 'the notification');
    const form = lastForm();
    assert.equal(form.subject, '50% & more + tax = ok');
    assert.ok(sdk.checkNotifySignV2(form));
  },
  async 'refund notifications verify: part keeps TRADE_SUCCESS, the rest closes'() {
    const outTradeNo = await paid('8.00');
    for (const [request, amount, fee, status] of [['P1', '3.00', '3.00', 'TRADE_SUCCESS'], ['P2', '5.00', '8.00', 'TRADE_CLOSED']]) {
      const before = listener.notifications.length;
      await call('alipay.trade.refund', { out_trade_no: outTradeNo, out_request_no: request, refund_amount: amount });
      await until(() => listener.notifications.length > before, 'the refund notification');
      const form = lastForm();
      assert.deepEqual([form.trade_status, form.refund_fee, form.out_biz_no], [status, fee, request]);
      assert.match(form.gmt_refund, /\.\d{3}$/);
      assert.ok(sdk.checkNotifySignV2(form));
    }
  },
  async 'a notification that was not acknowledged comes again under the same id'() {
    listener.replies.push('fail');
    const outTradeNo = await paid('2.00');
    const first = lastForm();
    const before = listener.notifications.length;
    // The pause counts from the moment in which the platform has read our answer, which may be after the clock is turned.
    const isCounted = (sent) => sent.out_trade_no === outTradeNo && sent.last_reply === 'fail';
    await until(async () => (await control('GET', '/notifications')).notifications.some(isCounted), 'our answer to be counted');
    await control('POST', '/clock', { advance_seconds: 240 });
    await until(() => listener.notifications.length > before, 'the second attempt');
    assert.equal(lastForm().notify_id, first.notify_id);
    assert.equal(lastForm().out_trade_no, outTradeNo);
    assert.ok(sdk.checkNotifySignV2(lastForm()));
  },
  async 'a stranger\'s notification does not verify'() {
    const outTradeNo = await paid('2.00');
    const before = listener.notifications.length;
    await control('POST', `/notify/${outTradeNo}`, { variant: 'wrong_key' });
    await until(() => listener.notifications.length > before, 'the forged notification');
    assert.ok(!sdk.checkNotifySignV2(lastForm()));
  },
  async 'multipart: fields are signed, files are not'() {
    const formData = new AlipayFormData();
    formData.addField('biz_code', '一杯咖啡');
    formData.addFile('picture', 'coffee.png', Buffer.from([0, 255, 13, 10, 45, 45]));
    const answer = await sdk.exec('alipay.trade.query', {}, { formData, validateSign: true });
    assert.equal(answer.subCode, 'ACQ.INVALID_PARAMETER'); // the signature was good; the order number is missing
  },
  async 'PKCS#1 keys work too'() {
    const other = await makeMerchant('PKCS1');
    const answer = await other.sdk.exec('alipay.trade.query', { bizContent: { out_trade_no: order() } }, { validateSign: true });
    assert.equal(answer.subCode, 'ACQ.TRADE_NOT_EXIST');
  },
  async 'the app\'s own key in the platform\'s place is noticed'() {
    const wrong = new AlipaySdk({ appId: app.app_id, privateKey: keys.privateKey, keyType: 'PKCS8', alipayPublicKey: keys.publicKey,
      gateway: `${sandbox.url}/alipay/gateway.do` });
    await assert.rejects(wrong.exec('alipay.trade.query', { bizContent: { out_trade_no: 'X' } }, { validateSign: true }), /验签失败/);
  },
  async 'a wrong private key is refused with the string that the gateway built'() {
    const wrong = new AlipaySdk({ appId: app.app_id, privateKey: makeKeys('pkcs8').privateKey, keyType: 'PKCS8',
      alipayPublicKey: app.platform_public_key, gateway: `${sandbox.url}/alipay/gateway.do` });
    const answer = await wrong.exec('alipay.trade.query', { bizContent: { out_trade_no: 'X' } }, { validateSign: true });
    assert.equal(answer.subCode, 'isv.invalid-signature');
    assert.ok(answer.subMsg.includes(`app_id=${app.app_id}&amp;biz_content=`));
  },
  async 'not a fen was lost'() {
    assert.equal((await control('GET', '/books')).conserved, true);
  },
};

let failures = 0;
let count = 0;
console.log(`1..${Object.keys(tests).length}`);
for (const [name, run] of Object.entries(tests)) {
  count++;
  try {
    await run();
    console.log(`ok ${count} - ${name}`);
  } catch (error) {
    failures++;
    console.log(`not ok ${count} - ${name}`);
    console.log(String(error.stack).replace(/^/gm, '# '));
  }
}
listener.server.close();
listener.server.closeAllConnections();
sandbox.child.kill('SIGTERM');
const [status] = await once(sandbox.child, 'exit');
if (status !== 0) console.log(`# the sandbox ended with ${status}\n${sandbox.log()}`);
process.exit(failures || status !== 0 ? 1 : 0);
