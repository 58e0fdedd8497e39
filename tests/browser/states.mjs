// SPDX-License-Identifier: Apache-2.0
// What the cashier shows and says in every state, how it gets there without a reload, and what "new code" does.
import {
  CHINESE, DESK, ENGLISH, PHONE, calls, control, equal, expect, gateway, inWallet, isMarked, main, mark, merchant, order, pay, read, readCode, setTime,
  shoot, shop, sleep, test, until, visitor,
} from './till.mjs';

const QUERY = 'alipay.trade.query';
const CREATE = 'alipay.trade.precreate';

async function open(payment, ...options) {
  const seen = await visitor(...(options.length ? options : [PHONE, ENGLISH]));
  await seen.page.goto(payment.cashier_url);
  await mark(seen.page);
  return seen;
}

async function says(page, title, advice) {
  await page.waitForFunction((words) => document.getElementById('title').textContent === words, title);
  const text = await page.innerText('#advice');
  expect(text.includes(advice), `what to do: ${text}`);
}

const has = async (page, selector) => await page.locator(selector).count() > 0;

test('a_new_code_comes_without_a_reload_and_the_focus_stays_on_the_button', async () => {
  const payment = await order();
  const seen = await open(payment);
  await seen.page.focus('#renew button');
  await seen.page.keyboard.press('Enter');
  await until(async () => await calls(payment, CREATE) === 2, 'the identical order again');
  await seen.page.waitForFunction((version) => document.getElementById('card').dataset.version !== version, '1.0');
  await until(() => seen.page.evaluate(() => document.activeElement?.closest('#renew') !== null), 'focus back on the button');
  expect(await isMarked(seen.page), 'not reloaded');
  equal(await readCode(seen.page), await seen.page.getAttribute('#code', 'href'), 'the code can be read');
  const now = await read(payment);
  equal(now.action.value, payment.action.value, 'the simulator repeats a code that still lives');
  equal(now.action.expires_at, payment.action.expires_at, 'and its end is what it was');
  seen.isClean();
});

test('a_code_that_ran_out_is_renewed_without_javascript', async () => {
  const payment = await order({ expires_in: 86400 });
  setTime(payment, { 'attempts.action_expires_us': Date.now() - 1000 });
  const { page, isClean } = await visitor(PHONE, CHINESE, { javaScriptEnabled: false });
  await page.goto(payment.cashier_url);
  equal(await page.innerText('#title'), '二维码已过期', 'title');
  await shoot(page, 'state-stale-zh');
  await Promise.all([page.waitForURL((url) => String(url) === payment.cashier_url), page.click('#renew button')]);
  equal(await page.innerText('#title'), '请使用支付宝扫码付款', 'title');
  equal(await readCode(page), await page.getAttribute('#code', 'href'), 'the code can be read');
  isClean();
});

test('the_button_pressed_wildly_asks_the_platform_rarely', async () => {
  const payment = await order();
  const before = await calls(payment, CREATE);
  await Promise.all(Array.from({ length: 40 }, () => fetch(`${payment.cashier_url}/renew`, { method: 'POST', redirect: 'manual' })));
  const asked = await calls(payment, CREATE) - before;
  expect(asked >= 1 && asked <= 2, `40 presses sent ${asked} orders`);
  equal((await read(payment)).state, 'pending', 'state');
});

test('an_order_whose_time_is_over_warns_and_then_closes_and_takes_no_new_code', async () => {
  const payment = await order();
  const end = Date.now() + 2500;
  setTime(payment, { 'payments.expires_us': end, 'attempts.expires_us': end, 'attempts.action_expires_us': end });
  const seen = await open(payment);
  await says(seen.page, 'The time to pay is over', 'do not pay again');
  expect(!await has(seen.page, '#renew'), 'no new code for an order that ran out');
  await shoot(seen.page, 'state-over');
  await fetch(`${payment.cashier_url}/renew`, { method: 'POST', redirect: 'manual' });
  equal(await calls(payment, CREATE), 1, 'orders sent');
  await says(seen.page, 'This order is closed', 'order again at the shop');
  equal((await read(payment)).state, 'closed', 'state');
  expect(await isMarked(seen.page), 'not reloaded');
  await shoot(seen.page, 'state-closed');
  equal(await seen.page.getAttribute('#continue', 'href'), payment.return_url, 'the way to the shop');
  seen.isClean();
});

test('an_order_that_the_shop_closes_is_closed_before_the_buyers_eyes', async () => {
  const payment = await order();
  const seen = await open(payment, DESK, CHINESE);
  const { status } = await merchant('POST', `/v1/payments/${payment.id}/close`);
  expect(status === 200 || status === 202, `close answered ${status}`);
  await says(seen.page, '订单已关闭', '重新下单');
  expect(!await has(seen.page, '#code') && !await has(seen.page, '#renew'), 'nothing to scan or renew');
  await sleep(3500);
  equal(seen.page.url(), payment.cashier_url, 'a closed order leads nowhere by itself');
  await shoot(seen.page, 'state-closed-zh');
  seen.isClean();
});

test('a_buyer_who_declines_may_still_pay', async () => {
  const payment = await order({ return_url: undefined });
  const seen = await open(payment);
  const wallet = await inWallet(seen, 'decline');
  await wallet.waitForSelector('[role=status]');
  await shoot(wallet, 'wallet-declined');
  await sleep(2000);
  await says(seen.page, 'Scan with Alipay to pay', 'Open Alipay');
  equal((await read(payment)).state, 'pending', 'state');
  await inWallet(seen, 'pay');
  await says(seen.page, 'Paid. Thank you!', 'You can close this page');
  await sleep(3500);
  equal(seen.page.url(), payment.cashier_url, 'without a shop to go to, the page stays');
  seen.isClean();
});

test('an_order_that_the_platform_refuses_says_that_nothing_was_paid', async () => {
  await control('POST', '/faults', { operation: 'precreate', fault: 'refuse', count: 1, argument: 'ACQ.EXIST_FORBIDDEN_WORD' });
  const payment = await order();
  equal(payment.refusal, 402, 'the create was refused');
  const seen = await open(payment);
  await says(seen.page, 'Alipay did not take this order', 'Nothing was paid');
  await shoot(seen.page, 'state-failed');
  seen.isClean();
});

test('a_platform_that_is_silent_makes_the_page_wait_until_the_code_comes', async () => {
  await control('POST', '/faults', { operation: 'precreate', fault: 'drop_before', count: -1 });
  const payment = await order();
  const seen = await open(payment);
  await says(seen.page, 'Your code is on its way', 'nothing has been paid');
  await shoot(seen.page, 'state-wait');
  await control('DELETE', '/faults');
  await seen.page.waitForSelector('#code');
  expect(await isMarked(seen.page), 'not reloaded');
  equal(await readCode(seen.page), (await read(payment)).action.value, 'what the camera reads');
  seen.isClean();
});

test('a_refunded_payment_says_so', async () => {
  const payment = await order();
  await control('POST', `/trades/${payment.upstream_no}/scan`, {});
  await pay(payment);
  await until(async () => (await read(payment)).state === 'paid', 'the payment');
  await merchant('POST', `/v1/payments/${payment.id}/refunds`, { out_refund_no: `${payment.out_trade_no}R`, amount: 990, reason: 'cold' });
  await until(async () => (await read(payment)).refunded === 990, 'the refund');
  const seen = await open(payment);
  await says(seen.page, 'Refunded', 'on its way back');
  expect((await seen.page.innerText('dl')).includes('¥9.90'), 'with its sum');
  await shoot(seen.page, 'state-refunded');
  await sleep(3500);
  equal(seen.page.url(), payment.cashier_url, 'a refunded order leads nowhere by itself');
  seen.isClean();
});

test('an_address_that_names_nothing_is_404_in_words', async () => {
  const { page } = await visitor(PHONE, CHINESE);
  const answer = await page.goto(`${gateway}/checkout/00000000000000000000000000000000`);
  equal(answer.status(), 404, 'status');
  equal(await page.innerText('#title'), '收银台不存在', 'title');
  await shoot(page, 'state-lost');
});

test('a_lost_connection_is_told_and_mends_itself', async () => {
  const payment = await order();
  const seen = await open(payment);
  await seen.context.setOffline(true);
  await seen.page.waitForFunction(() => document.getElementById('said').textContent.includes('connection'));
  expect(!await has(seen.page, '#said.aside'), 'it can be seen');
  await shoot(seen.page, 'state-offline');
  await control('POST', `/trades/${payment.upstream_no}/scan`, {});
  await pay(payment);
  await seen.context.setOffline(false);
  await says(seen.page, 'Paid. Thank you!', 'taken back');
  expect(await has(seen.page, '#said.aside'), 'the warning is gone');
});

test('a_payment_whose_notification_is_lost_shows_soon_because_the_page_is_open', async () => {
  await control('POST', '/faults', { operation: 'notify', fault: 'notify_never', count: -1 });
  const payment = await order({ return_url: undefined });
  const seen = await open(payment);
  await inWallet(seen, 'pay');
  const begin = Date.now();
  await says(seen.page, 'Paid. Thank you!', 'You can close');
  expect(Date.now() - begin < 8000, `it took ${Date.now() - begin} ms`);
  expect(await calls(payment, QUERY) >= 1, 'the platform was asked');
  await control('DELETE', '/faults');
  seen.isClean();
});

test('a_shop_that_waits_shows_the_way_to_the_cashier', async () => {
  const { page, isClean } = await visitor(DESK, CHINESE);
  await page.goto(`${shop}/`);
  await page.click('#buy');
  await page.waitForSelector('#code');
  const cashier = page.url();
  const number = await page.innerText('dl div:nth-child(2) dd');
  await page.goto(`${shop}/orders/${number}`);
  equal(await page.innerText('#state'), '等待付款', 'the shop');
  equal(await page.getAttribute('.button', 'href'), cashier, 'the way to the cashier');
  await shoot(page, 'shop-waiting');
  isClean();
});

await main();
