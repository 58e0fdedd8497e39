// SPDX-License-Identifier: Apache-2.0
// The platform's own pages: the cashier for page and wap payments, the phone's wallet. The orders come from the official
// SDK, as redirect addresses and as forms of another site that the browser really posts; the way back is verified by it.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { CHINESE, control, DESK, ENGLISH, equal, expect, main, ours, PHONE, readCode, sandbox, shoot, SMALL, test, until, visitor } from './till.mjs';

const need = createRequire(new URL('../node/package.json', import.meta.url));
const { AlipaySdk } = need('alipay-sdk');

// ---- a merchant of its own: its site receives payers and notifications

const site = { back: [], letters: [], forms: new Map() };
const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://localhost');
  let body = '';
  request.on('data', (part) => { body += part; });
  request.on('end', () => {
    if (url.pathname === '/notify') site.letters.push(Object.fromEntries(new URLSearchParams(body)));
    if (url.pathname === '/back') site.back.push(Object.fromEntries(url.searchParams));
    const form = site.forms.get(url.pathname);
    response.setHeader('content-type', form || url.pathname !== '/notify' ? 'text/html; charset=utf-8' : 'text/plain');
    response.end(url.pathname === '/notify' ? 'success'
      : `<!doctype html><html lang="en"><head><title>Shop</title><link rel="icon" href="data:,"></head><body>${form ?? '<h1>The shop</h1>'}</body></html>`);
  });
});
await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
const shopsite = `http://127.0.0.1:${server.address().port}`;
ours.push(shopsite);

const keys = generateKeyPairSync('rsa', {
  modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
});
const app = await control('POST', '/apps', { name: '云栖书店 Yunqi Books', public_key: keys.publicKey });
const sdk = new AlipaySdk({
  appId: app.app_id, privateKey: keys.privateKey, alipayPublicKey: app.platform_public_key, gateway: `${sandbox}/alipay/gateway.do`,
});

const number = () => 'P' + randomBytes(8).toString('hex');
const wishes = (fields) => ({ out_trade_no: number(), total_amount: '128.00', subject: '《活着》精装 / To Live', product_code: 'FAST_INSTANT_TRADE_PAY', ...fields });
const places = { notifyUrl: `${shopsite}/notify`, returnUrl: `${shopsite}/back?cart=7` };

function link(fields = {}, method = 'alipay.trade.page.pay', options = places) {
  const order = wishes(fields);
  return { order, url: sdk.pageExecute(method, 'GET', { bizContent: order, ...options }) };
}

const wap = (fields = {}) => link({ product_code: 'QUICK_WAP_WAY', quit_url: `${shopsite}/cart`, ...fields }, 'alipay.trade.wap.pay');
const status = async ({ out_trade_no: no }) => (await control('GET', `/trades/${no}?app_id=${app.app_id}`)).status;
const press = (page, action) => page.click(`button[value=${action}]`);

async function logIn(page, buyer = 'tester') {
  await page.check(`input[value=${buyer}]`);
  await press(page, 'login');
  await page.waitForSelector('button[value=pay]');
}

// The shop's page in the browser, and what it was told: signed for this order.
async function cameBack(page, order, method) {
  await page.waitForURL(`${shopsite}/back**`);
  const told = site.back.find((query) => query.out_trade_no === order.out_trade_no);
  expect(told, 'nothing was told');
  const { cart, ...signed } = told;
  equal(cart, '7', 'the own parameter');
  equal(signed.method, `${method}.return`, 'method');
  equal(signed.total_amount, order.total_amount, 'amount');
  expect(sdk.checkNotifySign(signed), 'the signature of the way back');
  expect(!sdk.checkNotifySign({ ...signed, total_amount: '1.00' }), 'a changed amount verifies');
  return told;
}

test('a_page_payment_by_link_goes_out_and_comes_back', async () => {
  const { page, isClean } = await visitor(DESK, CHINESE);
  const { order, url } = link();
  await page.goto(url);
  await page.waitForURL(`${sandbox}/alipay/cashier/**`);
  expect((await readCode(page)).startsWith(`${sandbox}/alipay/qr/bax`), 'the code leads to the phone');
  equal(await status(order), 'NOT_SCANNED', 'before the log-in');
  await shoot(page, 'platform-page-login-zh');
  await logIn(page);
  equal(await status(order), 'WAIT_BUYER_PAY', 'after the log-in');
  await shoot(page, 'platform-page-confirm-zh');
  await press(page, 'pay');
  await page.waitForSelector('#return');
  await shoot(page, 'platform-page-paid-zh');
  await cameBack(page, order, 'alipay.trade.page.pay');
  const letter = await until(() => site.letters.find((entry) => entry.out_trade_no === order.out_trade_no), 'the notification');
  expect(sdk.checkNotifySignV2(letter), 'its signature');
  isClean();
});

test('a_form_of_another_site_is_posted_and_pays', async () => {
  const { page, isClean } = await visitor(DESK, ENGLISH);
  const order = wishes();
  site.forms.set('/pay', sdk.pageExecute('alipay.trade.page.pay', 'POST', { bizContent: order, ...places }));
  await page.goto(`${shopsite}/pay`);
  await page.waitForURL(`${sandbox}/alipay/cashier/**`);
  await shoot(page, 'platform-page-login-en');
  await logIn(page, 'auto');
  await press(page, 'pay');
  await page.click('#return');
  await cameBack(page, order, 'alipay.trade.page.pay');
  isClean();
});

test('without_scripts_the_payer_goes_back_all_the_same', async () => {
  const { page } = await visitor(DESK, ENGLISH, { javaScriptEnabled: false });
  const { order, url } = link();
  await page.goto(url);
  await logIn(page);
  await press(page, 'pay');
  await cameBack(page, order, 'alipay.trade.page.pay');
  equal(await status(order), 'TRADE_SUCCESS', 'status');
});

test('a_phone_that_scans_takes_the_wide_page_along', async () => {
  const desk = await visitor(DESK, ENGLISH);
  const { order, url } = link();
  await desk.page.goto(url);
  const phone = await visitor(PHONE, ENGLISH);
  await phone.page.goto(await readCode(desk.page));
  await desk.page.waitForSelector('button[value=pay]');
  await press(phone.page, 'pay');
  await phone.page.waitForSelector('.done');
  await cameBack(desk.page, order, 'alipay.trade.page.pay');
  desk.isClean();
  phone.isClean();
});

test('the_automatic_buyer_pays_an_opened_page', async () => {
  const own = await control('POST', '/apps', { name: 'Auto', public_key: keys.publicKey, auto_pay_seconds: 1 });
  const auto = new AlipaySdk({ appId: own.app_id, privateKey: keys.privateKey, alipayPublicKey: own.platform_public_key, gateway: `${sandbox}/alipay/gateway.do` });
  const { page, isClean } = await visitor(DESK, ENGLISH);
  const order = wishes();
  await page.goto(auto.pageExecute('alipay.trade.page.pay', 'GET', { bizContent: order, ...places }));
  await page.waitForURL(`${shopsite}/back**`);
  const { cart, ...told } = site.back.at(-1);
  equal(cart, '7', 'the own parameter');
  expect(auto.checkNotifySign(told) && told.out_trade_no === order.out_trade_no, 'signed for this order');
  isClean();
});

test('a_mobile_payment_is_declined_then_paid', async () => {
  const { page, isClean } = await visitor(PHONE, CHINESE);
  const { order, url } = wap();
  await page.goto(url);
  await shoot(page, 'platform-wap-login-zh');
  await logIn(page);
  await shoot(page, 'platform-wap-confirm-zh');
  await press(page, 'decline');
  await page.waitForSelector('[role=status]');
  equal(await status(order), 'WAIT_BUYER_PAY', 'after declining');
  await press(page, 'pay');
  await page.waitForSelector('#return');
  await shoot(page, 'platform-wap-paid-zh');
  await cameBack(page, order, 'alipay.trade.wap.pay');
  isClean();
});

test('who_quits_the_mobile_page_is_back_in_the_cart', async () => {
  const { page, isClean } = await visitor(SMALL, ENGLISH);
  const { order, url } = wap();
  await page.goto(url);
  await shoot(page, 'platform-wap-small-en');
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'wider than the screen');
  await page.click('#quit');
  await page.waitForURL(`${shopsite}/cart`);
  equal(await status(order), 'NOT_SCANNED', 'status');
  isClean();
});

test('a_poor_buyer_and_a_wrong_password_are_told', async () => {
  const { page, isClean } = await visitor(DESK, ENGLISH);
  const { order, url } = link();
  await page.goto(url);
  await page.fill('input[name=password]', '000000');
  await press(page, 'login');
  await page.waitForSelector('text=The password is wrong');
  await logIn(page, 'poor');
  await press(page, 'pay');
  await page.waitForSelector('text=The balance is not enough');
  await press(page, 'switch');
  await logIn(page);
  await press(page, 'pay');
  await cameBack(page, order, 'alipay.trade.page.pay');
  isClean();
});

test('expired_closed_and_refunded_orders_say_so', async () => {
  const { page, isClean } = await visitor(DESK, ENGLISH);
  const closed = link();
  await page.goto(closed.url);
  await logIn(page);
  equal((await sdk.exec('alipay.trade.close', { bizContent: { out_trade_no: closed.order.out_trade_no } })).code, '10000', 'close');
  await page.waitForSelector('text=Closed');
  await shoot(page, 'platform-page-closed-en');
  const refunded = link();
  await page.goto(refunded.url);
  await logIn(page);
  const cashier = page.url();
  await press(page, 'pay');
  await cameBack(page, refunded.order, 'alipay.trade.page.pay');
  await sdk.exec('alipay.trade.cancel', { bizContent: { out_trade_no: refunded.order.out_trade_no } });
  await page.goto(cashier);
  await page.waitForSelector('text=Refunded');
  isClean();
});

test('an_expired_order_that_is_renewed_continues', async () => {
  const { page, isClean } = await visitor(DESK, CHINESE);
  const { now_us: now } = await control('GET', '/clock');
  const beijing = (us) => new Date(us / 1000 + 8 * 3600e3).toISOString().slice(0, 19).replace('T', ' ');
  const no = number();
  const first = link({ out_trade_no: no, time_expire: beijing(now + 60e6) });
  await page.goto(first.url);
  const { now_us: later } = await control('POST', '/clock', { advance_seconds: 61 });
  await page.waitForSelector('text=已过期');
  await shoot(page, 'platform-page-expired-zh');
  const second = link({ out_trade_no: no, time_expire: beijing(later + 600e6) });
  await page.goto(second.url);
  await logIn(page);
  await press(page, 'pay');
  await cameBack(page, second.order, 'alipay.trade.page.pay');
  isClean();
});

test('a_refused_order_is_the_platforms_own_page', async () => {
  const { page, isClean } = await visitor(DESK, CHINESE);
  const { order, url } = link();
  const response = await page.goto(url.replace('128.00', '1.00'));
  equal(response.status(), 200, 'status');
  equal(response.headers()['content-type'], 'text/html;charset=GBK', 'type');
  await page.waitForSelector('text=调试错误，请回到请求来源地，重新发起请求。');
  await page.waitForSelector('text=invalid-signature');
  await shoot(page, 'platform-page-error-zh');
  await page.goto(url);
  await page.goto(link({ out_trade_no: order.out_trade_no, total_amount: '1.00' }).url);
  await page.waitForSelector('text=ACQ.CONTEXT_INCONSISTENT');
  isClean();
});

test('a_code_in_the_merchants_frame_is_scanned_there', async () => {
  const { page } = await visitor(DESK, ENGLISH);
  const { order, url } = link({ qr_pay_mode: '4', qrcode_width: '200' });
  site.forms.set('/frame', `<iframe title="pay" width="400" height="600" src="${url.replaceAll('&', '&amp;')}"></iframe>`);
  await page.goto(`${shopsite}/frame`);
  const frame = page.frameLocator('iframe');
  await frame.locator('#code').waitFor();
  await shoot(page, 'platform-page-frame-en');
  await control('POST', `/trades/${order.out_trade_no}/pay`, { app_id: app.app_id });
  await frame.locator('#return').click();
  await cameBack(page, order, 'alipay.trade.page.pay');
});

test('the_wallet_shows_a_code_that_pays_and_then_another', async () => {
  const { page, isClean } = await visitor(PHONE, CHINESE);
  await page.goto(`${sandbox}/wallet`);
  await page.click('a[href^="/wallet/code/tester"]');
  const digits = (await page.innerText('#auth-code')).replaceAll(' ', '');
  expect(/^28\d{16}$/.test(digits), `a code: ${digits}`);
  equal(await readCode(page), digits, 'the QR code');
  await shoot(page, 'platform-wallet-code-zh');
  const bizContent = { out_trade_no: number(), total_amount: '3000.00', subject: 'Piano', scene: 'bar_code', auth_code: digits };
  const waits = await sdk.exec('alipay.trade.pay', { bizContent }, { validateSign: true });
  equal(waits.code, '10003', 'above the limit');
  await page.goto(`${sandbox}/wallet`);
  await shoot(page, 'platform-wallet-zh');
  await page.click('text=Piano');
  await shoot(page, 'platform-wallet-password-zh');
  await press(page, 'pay');
  await page.waitForSelector('.done');
  const query = await sdk.exec('alipay.trade.query', { bizContent: { out_trade_no: bizContent.out_trade_no } }, { validateSign: true });
  equal(query.tradeStatus, 'TRADE_SUCCESS', 'status');
  equal(query.receiptAmount, '3000.00', 'a till sees real amounts');
  await page.goto(`${sandbox}/wallet/code/tester`);
  expect((await page.innerText('#auth-code')).replaceAll(' ', '') !== digits, 'the same code again');
  isClean();
});

test('the_wallet_pays_the_order_string_of_an_app', async () => {
  const { page, isClean } = await visitor(DESK, ENGLISH);
  const order = wishes({ product_code: 'QUICK_MSECURITY_PAY' });
  await page.goto(`${sandbox}/wallet/app`);
  await page.fill('textarea', sdk.sdkExecute('alipay.trade.app.pay', { bizContent: order, notifyUrl: places.notifyUrl }));
  await press(page, 'cancel');
  equal(await page.innerText('#status'), '6001', 'cancelled');
  await press(page, 'pay');
  equal(await page.innerText('#status'), '9000', 'paid');
  await shoot(page, 'platform-wallet-app-en');
  const result = await page.innerText('#result');
  const told = JSON.parse(result);
  sdk.checkResponseSign(result, 'alipay_trade_app_pay_response', told.sign, 'none'); // throws when it is wrong
  equal(told.alipay_trade_app_pay_response.out_trade_no, order.out_trade_no, 'order');
  equal(await status(order), 'TRADE_SUCCESS', 'status');
  isClean();
});

test('a_buyer_allows_an_app_to_know_him', async () => {
  const { page, isClean } = await visitor(PHONE, CHINESE);
  const query = new URLSearchParams({ app_id: app.app_id, scope: 'auth_base', state: 'a&b', redirect_uri: `${shopsite}/back?from=login` });
  await page.goto(`${sandbox}/oauth2/publicAppAuthorize.htm?${query}`);
  await shoot(page, 'platform-allow-zh');
  await page.check('input[value=auto]');
  await press(page, 'allow');
  await page.waitForURL(`${shopsite}/back**`);
  const told = site.back.at(-1);
  equal(told.state, 'a&b', 'state');
  equal(told.from, 'login', 'the own parameter');
  const token = await sdk.exec('alipay.system.oauth.token', { grantType: 'authorization_code', code: told.auth_code }, { validateSign: true });
  equal(token.userId, '2088722003899171', 'the buyer');
  equal(token.expiresIn, 1296000, 'a number');
  isClean();
});

await main();
server.close();
