// SPDX-License-Identifier: Apache-2.0
// What the browser tests share: tests that print TAP, real Chromium, the merchant's and the platform's side of the wire.
// Where everything listens comes in the environment variable TILL_PLACES (JSON, from test_browser.py).
import { execFileSync } from 'node:child_process';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';

const need = createRequire(new URL('../node/package.json', import.meta.url));
const { chromium } = need('playwright-core');
const jsQR = need('jsqr');
const { PNG } = need('pngjs');

export const places = JSON.parse(process.env.TILL_PLACES);
export const gateway = `http://127.0.0.1:${places.gateway}`;
export const sandbox = `http://127.0.0.1:${places.sandbox}`;
export const shop = `http://127.0.0.1:${places.shop}`;
mkdirSync(places.screenshots, { recursive: true });

// ---- tests

let browser;
const tests = [];
export const test = (name, body) => tests.push({ name, body });

export function expect(truth, words) {
  if (!truth) throw new Error(words);
}

export function equal(found, wanted, what) {
  if (found !== wanted) throw new Error(`${what}: found ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`);
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(check, what, seconds = 20) {
  for (const end = Date.now() + seconds * 1000; ;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what} did not happen within ${seconds} s`);
    await sleep(100);
  }
}

export async function main() {
  browser = await chromium.launch({
    executablePath: process.env.TILL_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
  const wanted = process.argv.slice(2);
  const chosen = tests.filter(({ name }) => !wanted.length || wanted.includes(name));
  for (const { name, body } of chosen) {
    const begin = Date.now();
    try {
      await body();
      console.log(`ok - ${name} # ${((Date.now() - begin) / 1000).toFixed(2)}s`);
    } catch (error) {
      console.log(`not ok - ${name}`);
      for (const line of String(error.stack).split('\n').slice(0, 12)) console.log(`# ${line}`);
      process.exitCode = 1;
    }
    await Promise.all(browser.contexts().map((context) => context.close()));
  }
  await browser.close();
}

// ---- browsers

export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
export const SMALL = { viewport: { width: 320, height: 568 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
export const DESK = { viewport: { width: 1280, height: 900 } };
export const CHINESE = { locale: 'zh-CN' };
export const ENGLISH = { locale: 'en-US' };

// Whom a page may ask; a test with a site of its own adds it.
export const ours = [gateway, sandbox, shop];

// A window of its own, and everything in it that would be wrong: dialogs, errors, violations, foreign hosts.
export async function visitor(...options) {
  const context = await browser.newContext(Object.assign({}, ...options));
  const wrong = [];
  const requests = [];
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  });
  context.on('request', (request) => {
    requests.push(request);
    const url = request.url();
    if (!url.startsWith('data:') && !ours.some((place) => url.startsWith(place + '/'))) wrong.push(`foreign request: ${url}`);
  });
  context.on('page', (page) => {
    page.setDefaultTimeout(15000);
    page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) wrong.push(`console: ${message.text()}`); });
    page.on('pageerror', (error) => wrong.push(`script error: ${error.message}`));
    page.on('dialog', (dialog) => { wrong.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  });
  const page = await context.newPage();
  return { context, page, wrong, requests, isClean: () => equal(wrong.join('\n'), '', 'complaints of the browser') };
}

// The mark is gone after any navigation or reload.
export const mark = (page) => page.evaluate(() => { window.untouched = true; });
export const isMarked = (page) => page.evaluate(() => window.untouched === true);

export async function shoot(page, name) {
  await page.bringToFront(); // one in the background draws nothing
  await page.waitForTimeout(700); // the sign has appeared
  await page.screenshot({ path: `${places.screenshots}/${name}.png`, fullPage: true });
}

// What a phone's camera reads off the screen.
export async function readCode(page) {
  const picture = PNG.sync.read(await page.locator('#code').screenshot());
  return jsQR(new Uint8ClampedArray(picture.data), picture.width, picture.height)?.data;
}

// Opens the wallet as a buyer does, by a click on the code, and presses a button there.
export async function inWallet({ context, page }, action) {
  const [wallet] = await Promise.all([context.waitForEvent('page'), page.click('#code')]);
  await wallet.waitForSelector(`button[value=${action}]`);
  await wallet.click(`button[value=${action}]`);
  await wallet.waitForLoadState();
  return wallet;
}

// ---- the merchant

export async function merchant(method, target, document) {
  const body = document ? JSON.stringify(document) : '';
  const host = `127.0.0.1:${places.gateway}`;
  const timestamp = Math.floor(Date.now() / 1000);
  const nonce = randomBytes(16).toString('hex');
  const text = [method, host, target, timestamp, nonce, createHash('sha256').update(body).digest('hex')].join('\n') + '\n';
  const signature = createHmac('sha256', Buffer.from(places.secret, 'hex')).update(text).digest('hex');
  const answer = await fetch(gateway + target, {
    method,
    headers: {
      authorization: `TILL-HMAC-SHA256 key=${places.key},timestamp=${timestamp},nonce=${nonce},signature=${signature}`,
      ...(body && { 'content-type': 'application/json' }),
    },
    body: body || undefined,
  });
  return { status: answer.status, json: await answer.json() };
}

export async function order(fields = {}) {
  const number = 'B' + randomBytes(8).toString('hex');
  const { status, json } = await merchant('POST', '/v1/payments', {
    channel: 'alipay', product: 'precreate', amount: 990, currency: 'CNY', out_trade_no: number, subject: 'Coffee / 咖啡',
    return_url: `${shop}/orders/${number}`, ...fields,
  });
  if (status === 201 || status === 202) return json;
  const found = await merchant('GET', `/v1/payments?out_trade_no=${number}`);
  return { ...(found.json.data?.[0] ?? found.json), refusal: status };
}

export const read = async (payment) => (await merchant('GET', `/v1/payments/${payment.id}`)).json;

// The payment whose cashier is shown.
export async function shown(page) {
  const number = await page.innerText('dl div:nth-child(2) dd');
  const { json } = await merchant('GET', `/v1/payments?out_trade_no=${number}`);
  return json.data?.[0] ?? json;
}

// ---- the platform

export async function control(method, path, document) {
  const answer = await fetch(`${sandbox}/control${path}`, {
    method, headers: { 'content-type': 'application/json' }, body: document && JSON.stringify(document),
  });
  const text = await answer.text();
  expect(answer.status < 300, `control ${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : {};
}

export const pay = (payment) => control('POST', `/trades/${payment.upstream_no}/pay`, {});

// How often the platform was asked this about the order.
export async function calls(payment, method) {
  const { exchanges } = await control('GET', '/exchanges');
  return exchanges.filter((entry) => entry.method === method && entry.out_trade_no === payment.upstream_no).length;
}

// ---- time: rows are given an earlier end, since two hours are long

export function setTime(payment, columns) {
  const code = 'import sqlite3,sys\nd=sqlite3.connect(sys.argv[1],timeout=10,isolation_level=None)\n'
    + 'for sql in sys.argv[2:]: d.execute(sql)\n';
  const sentences = Object.entries(columns).map(([name, ms]) => {
    const [table, column] = name.split('.');
    return `UPDATE ${table} SET ${column} = ${Math.round(ms * 1000)} WHERE ${table === 'payments' ? 'id' : 'payment_id'} = '${payment.id}'`;
  });
  execFileSync('python3', ['-c', code, places.store, ...sentences]);
}
