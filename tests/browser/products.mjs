// SPDX-License-Identifier: Apache-2.0
// Orders that a buyer takes to the platform's own page and comes back from, and payment codes, as he sees them.
import { createServer } from 'node:http';
import {
  CHINESE, control, DESK, ENGLISH, equal, expect, gateway, isMarked, main, mark, merchant, order, ours, pay, PHONE, read, sandbox, setTime, shoot,
  shop, test, until, visitor,
} from './till.mjs';

const BUYERS = {
  a_chinese_desk: { options: [DESK, CHINESE], go: '前往支付宝付款', shipped: '咖啡已送出' },
  an_english_desk: { options: [DESK, ENGLISH], go: "Pay on Alipay's page", shipped: 'Your coffee is on its way' },
};
const back = `${shop}/?thanks=1`;

async function payThere(page) {
  await page.waitForURL(`${sandbox}/alipay/cashier/**`);
  await page.click('button[value=login]');
  await page.click('button[value=pay]');
}

for (const [name, buyer] of Object.entries(BUYERS)) {
  for (const javaScriptEnabled of [true, false]) {
    test(`${name}_pays_on_the_platforms_page_and_comes_back_${javaScriptEnabled ? 'with' : 'without'}_javascript`, async () => {
      const { page, isClean } = await visitor(...buyer.options, { javaScriptEnabled });
      await page.goto(`${shop}/`);
      await shoot(page, `products-${name}-1-shop`);
      await page.click('#buy-here');
      await page.waitForURL(`${gateway}/checkout/*`);
      equal(await page.innerText('#title'), buyer.go, 'title');
      expect(/^1:59:\d\d$/.test(await page.innerText('#clock')), 'the time left');
      await shoot(page, `products-${name}-2-cashier`);
      await page.click('#go');
      await payThere(page);
      await page.waitForURL(`${shop}/orders/*`);
      await page.waitForSelector('ol li:nth-child(3).done');
      equal(await page.innerText('#state'), buyer.shipped, 'the shop');
      await shoot(page, `products-${name}-3-shipped`);
      isClean();
    });
  }
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? 'with' : 'without';
  test(`a_phone_pays_in_its_browser_and_comes_back_${how}_javascript`, async () => {
    const { page, isClean } = await visitor(PHONE, CHINESE, { javaScriptEnabled });
    const payment = await order({ product: 'wap', return_url: back, extra: { quit_url: `${shop}/` } });
    await page.goto(payment.cashier_url);
    await shoot(page, 'products-phone-1-cashier');
    await page.click('#go');
    await payThere(page);
    await page.waitForURL(`${back}&out_trade_no=${payment.out_trade_no}&payment_id=${payment.id}`);
    equal((await read(payment)).state, 'paid', 'our record');
    isClean();
  });

  test(`the_cashiers_form_is_really_posted_${how}_javascript`, async () => {
    const { page, requests, isClean } = await visitor(DESK, ENGLISH, { javaScriptEnabled });
    const payment = await order({ product: 'page', return_url: back, subject: '"half" <price> & \'more\' 茶', extra: { action: 'form' } });
    await page.goto(payment.cashier_url);
    await page.click('#go button');
    await payThere(page);
    await page.waitForURL(`${back}&**`);
    const posted = requests.filter((request) => request.url() === payment.action.url);
    equal(posted.map((request) => request.method()).join(), 'POST', 'the form');
    equal((await read(payment)).state, 'paid', 'our record');
    isClean();
  });

  test(`the_page_that_a_merchant_is_given_posts_itself_${how}_javascript`, async () => {
    const payment = await order({ product: 'page', return_url: back, subject: '</form><script>x</script>', extra: { action: 'form' } });
    const server = createServer((_, response) => {
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.end(payment.action.value);
    });
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    const site = `http://127.0.0.1:${server.address().port}`;
    ours.push(site);
    const { page } = await visitor(DESK, ENGLISH, { javaScriptEnabled });
    await page.goto(`${site}/pay`, { waitUntil: 'commit' });
    if (!javaScriptEnabled) await page.click('button');
    await payThere(page);
    await page.waitForURL(`${back}&**`);
    server.close();
  });
}

test('a_buyer_who_declines_can_still_pay_and_a_closed_order_cannot', async () => {
  const { page, context, isClean } = await visitor(DESK, ENGLISH);
  const payment = await order({ product: 'page', return_url: back });
  await page.goto(payment.cashier_url);
  await page.click('#go');
  await page.waitForURL(`${sandbox}/alipay/cashier/**`);
  await page.click('button[value=login]');
  await page.click('button[value=decline]');
  equal((await read(payment)).state, 'pending', 'a declined order waits');
  const cashier = await context.newPage();
  await cashier.goto(payment.cashier_url);
  await mark(cashier);
  equal((await merchant('POST', `/v1/payments/${payment.id}/close`)).json.state, 'closed', 'the close');
  await cashier.waitForSelector('#card[data-state=closed]');
  expect(await isMarked(cashier), 'the cashier was not reloaded');
  equal(await cashier.locator('#go').count(), 0, 'ways to the platform');
  await shoot(cashier, 'products-closed');
  await page.goto(payment.action.value);
  expect(!(await page.content()).includes('value="pay"'), 'a closed order can be paid there');
  isClean();
});

test('a_renewed_order_leads_to_the_same_trade_and_is_paid_once', async () => {
  const { page, isClean } = await visitor(DESK, ENGLISH);
  const payment = await order({ product: 'page', return_url: back });
  await page.goto(payment.cashier_url);
  const first = await page.getAttribute('#go', 'href');
  await until(async () => (await merchant('POST', `/v1/payments/${payment.id}/renew`)).json.action.value !== first, 'another signature');
  await page.waitForFunction((old) => document.getElementById('go').href !== old, first);
  await page.click('#go');
  await payThere(page);
  await page.waitForURL(`${back}&**`);
  const { trades } = await control('GET', '/trades');
  equal(trades.filter((trade) => trade.out_trade_no === payment.upstream_no).length, 1, 'trades');
  isClean();
});

test('an_expired_page_order_says_so_and_ends_closed', async () => {
  const { page, isClean } = await visitor(PHONE, ENGLISH);
  const payment = await order({ product: 'wap', return_url: back });
  await page.goto(payment.cashier_url);
  const end = Date.now() - 1000;
  setTime(payment, { 'payments.expires_us': end, 'attempts.expires_us': end, 'attempts.action_expires_us': end });
  await page.waitForFunction(() => document.getElementById('title').textContent === 'The time to pay is over');
  await shoot(page, 'products-expired');
  await page.waitForSelector('#card[data-state=closed]', { timeout: 40000 });
  isClean();
});

test('a_payment_code_waits_for_the_phone_and_turns_to_paid_without_a_reload', async () => {
  for (const [language, options, title, paid] of [['en', [PHONE, ENGLISH], 'Confirm on your phone', 'Paid. Thank you!'],
    ['zh', [DESK, CHINESE], '请在手机上确认付款', '付款成功']]) {
    const { page, isClean } = await visitor(...options);
    const { auth_code: code } = await control('POST', '/buyers/tester/auth-code', { password: 'ask' });
    const payment = await order({ product: 'barcode', return_url: undefined, extra: { auth_code: code } });
    await page.goto(payment.cashier_url);
    equal(await page.innerText('#title'), title, 'title');
    await mark(page);
    await shoot(page, `products-code-${language}`);
    await pay(payment);
    await page.waitForSelector('#card[data-state=paid]');
    equal(await page.innerText('#title'), paid, 'title');
    expect(await isMarked(page), 'not reloaded');
    isClean();
  }
});

test('a_refused_payment_code_and_an_app_order_have_their_pages', async () => {
  const { page, isClean } = await visitor(PHONE, ENGLISH);
  const { auth_code: code } = await control('POST', '/buyers/poor/auth-code', {});
  const refused = await order({ product: 'barcode', return_url: undefined, extra: { auth_code: code } });
  equal(refused.refusal, 402, 'the refusal');
  await page.goto(refused.cashier_url);
  equal(await page.getAttribute('#card', 'data-state'), 'failed', 'a poor buyer');
  await shoot(page, 'products-refused');
  await page.goto((await order({ product: 'app' })).cashier_url);
  equal(await page.innerText('#title'), "Pay in the shop's app", 'title');
  await shoot(page, 'products-app');
  isClean();
});

await main();
