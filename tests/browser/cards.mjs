// SPDX-License-Identifier: Apache-2.0
// Orders that are paid by card on Stripe's page, as the simulator plays it: from the cashier there and back, in currencies with and without decimals.
import {
  CHINESE, control, DESK, ENGLISH, equal, expect, gateway, isMarked, main, mark, order, PHONE, places, read, sandbox, shoot, shop, test, visitor,
} from './till.mjs';

const back = `${shop}/?thanks=1`;
const checkout = (fields) => order({ channel: 'stripe', product: 'checkout', account: places.cards, amount: 990, currency: 'USD', return_url: back, ...fields });
const sessionOf = (payment) => payment.action.value.split('/').pop();

async function payByCard(page, number) {
  await page.waitForURL(`${sandbox}/stripe/pay/**`);
  if (number) await page.fill('#card', number);
  await page.click('button[value=card]');
}

const PURCHASES = [
  { name: 'a_desk_pays_dollars', options: [DESK, ENGLISH], javaScriptEnabled: true, amount: 990, currency: 'USD', sum: 'USD\u00a09.90', go: 'Pay on a secure page', there: '9.90' },
  { name: 'a_chinese_phone_pays_yen', options: [PHONE, CHINESE], javaScriptEnabled: false, amount: 100, currency: 'JPY', sum: 'JPY\u00a0100', go: '前往支付页面付款', there: '100' },
];

for (const { name, options, javaScriptEnabled, amount, currency, sum, go, there } of PURCHASES) {
  test(`${name}_by_card_${javaScriptEnabled ? 'with' : 'without'}_javascript_and_comes_back`, async () => {
    const { page, isClean } = await visitor(...options, { javaScriptEnabled });
    const payment = await checkout({ amount, currency });
    await page.goto(payment.cashier_url);
    equal(await page.innerText('#title'), go, 'title');
    equal((await page.textContent('.amount')).trim(), sum, 'the sum on the cashier');
    await shoot(page, `cards-${currency}-1-cashier`);
    await page.click('#go');
    await page.waitForURL(`${sandbox}/stripe/pay/**`);
    expect((await page.innerText('#amount')).includes(there), `the sum there: ${await page.innerText('#amount')}`);
    await shoot(page, `cards-${currency}-2-checkout`);
    await payByCard(page);
    await page.waitForURL(`${back}&out_trade_no=${payment.out_trade_no}&payment_id=${payment.id}`);
    const now = await read(payment);
    equal(`${now.state} ${now.received} ${now.currency}`, `paid ${amount} ${currency}`, 'our record');
    isClean();
  });
}

test('a_coffee_is_bought_by_card_and_shipped', async () => {
  const { page, isClean } = await visitor(DESK, ENGLISH);
  await page.goto(`${shop}/`);
  await shoot(page, 'cards-shop');
  await page.click('#buy-card');
  await page.waitForURL(`${gateway}/checkout/*`);
  await page.click('#go');
  await payByCard(page);
  await page.waitForURL(`${shop}/orders/*`);
  await page.waitForSelector('ol li:nth-child(3).done');
  isClean();
});

test('a_declined_card_can_be_tried_again', async () => {
  const { page, isClean } = await visitor(PHONE, ENGLISH);
  const payment = await checkout();
  await page.goto(payment.cashier_url);
  await page.click('#go');
  await payByCard(page, '4000 0000 0000 0002');
  await page.waitForSelector('#declined');
  await shoot(page, 'cards-declined');
  equal((await read(payment)).state, 'pending', 'a declined card leaves the order');
  await payByCard(page, '4242 4242 4242 4242');
  await page.waitForURL(`${back}&**`);
  equal((await read(payment)).state, 'paid', 'our record');
  isClean();
});

test('a_buyer_who_turns_back_is_welcome_and_can_still_pay', async () => {
  const { page, isClean } = await visitor(DESK, ENGLISH);
  const payment = await checkout();
  await page.goto(payment.cashier_url);
  await page.click('#go');
  await page.waitForURL(`${sandbox}/stripe/pay/**`);
  await page.click('#quit');
  await page.waitForURL(`${payment.cashier_url}?back=1`);
  equal(await page.innerText('#title'), 'Welcome back', 'title');
  await shoot(page, 'cards-back');
  await mark(page);
  await control('POST', `/stripe/sessions/${sessionOf(payment)}/pay`, {});
  await page.waitForSelector('#card[data-state=paid]');
  expect(await isMarked(page), 'not reloaded');
  isClean();
});

test('an_expired_session_closes_the_cashier_and_leads_back_to_the_shop', async () => {
  const { page, context, isClean } = await visitor(PHONE, ENGLISH);
  const payment = await checkout();
  await page.goto(payment.cashier_url);
  await mark(page);
  await control('POST', `/stripe/sessions/${sessionOf(payment)}/expire`, {});
  await page.waitForSelector('#card[data-state=closed]');
  expect(await isMarked(page), 'not reloaded');
  equal(await page.getAttribute('#continue', 'href'), back, 'the way to the shop');
  const there = await context.newPage();
  await there.goto(payment.action.value);
  equal(await there.locator('button[value=card]').count(), 0, 'ways to pay on the expired page');
  await shoot(there, 'cards-expired');
  isClean();
});

await main();
