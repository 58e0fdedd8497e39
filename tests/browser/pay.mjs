// SPDX-License-Identifier: Apache-2.0
// One coffee, from the shop's button to the shipment, as a buyer sees it.
import {
  CHINESE, DESK, ENGLISH, PHONE, calls, control, equal, expect, gateway, inWallet, isMarked, main, mark, readCode, shoot, shop, shown, sleep, test, until,
  visitor,
} from './till.mjs';

const BUYERS = {
  a_chinese_phone: { options: [PHONE, CHINESE], lang: 'zh-CN', scan: '请使用支付宝扫码付款', paid: '付款成功', shipped: '咖啡已送出' },
  an_english_desk: { options: [DESK, ENGLISH], lang: 'en', scan: 'Scan with Alipay to pay', paid: 'Paid. Thank you!', shipped: 'Your coffee is on its way' },
  a_dark_phone: { options: [PHONE, ENGLISH, { colorScheme: 'dark' }], lang: 'en', scan: 'Scan with Alipay to pay', paid: 'Paid. Thank you!', shipped: 'Your coffee is on its way' },
};

async function showsTheOrder(page, buyer) {
  equal(await page.getAttribute('html', 'lang'), buyer.lang, 'language');
  equal(await page.innerText('#title'), buyer.scan, 'title');
  expect((await page.innerText('.amount')).replace(/\s/g, '') === '¥9.90', 'the amount is shown');
  equal(await page.innerText('.subject'), 'Coffee / 咖啡', 'subject');
  const link = await page.getAttribute('#code', 'href');
  equal(await readCode(page), link, 'what the camera reads');
  return link;
}

async function clockRuns(page) {
  const before = await page.innerText('#clock');
  expect(/^1:59:5\d$/.test(before), `two hours as h:mm:ss, not ${before}`);
  await sleep(1600);
  expect(await page.innerText('#clock') < before, 'the countdown runs');
}

for (const [name, buyer] of Object.entries(BUYERS)) {
  test(`${name}_buys_pays_and_sees_the_coffee_shipped_without_a_reload`, async () => {
    const seen = await visitor(...buyer.options);
    const { page } = seen;
    await page.goto(`${shop}/`);
    await shoot(page, `${name}-1-shop`);
    await page.click('#buy');
    await page.waitForURL(`${gateway}/checkout/*`);
    await mark(page);
    await showsTheOrder(page, buyer);
    await clockRuns(page);
    await shoot(page, `${name}-2-cashier`);
    const [wallet] = await Promise.all([seen.context.waitForEvent('page'), page.click('#code')]);
    await wallet.waitForSelector('button[value=pay]');
    await shoot(wallet, `${name}-3-wallet`);
    await wallet.click('button[value=pay]');
    await page.waitForSelector('#card[data-state=paid]');
    expect(await isMarked(page), 'the cashier was not reloaded');
    equal(await page.innerText('#title'), buyer.paid, 'title');
    equal(await page.textContent('#said'), buyer.paid, 'what a screen reader says');
    expect((await page.title()).startsWith(buyer.paid), 'the tab says it too');
    await shoot(page, `${name}-4-paid`);
    await page.waitForURL(`${shop}/orders/*`);
    await page.waitForSelector('ol li:nth-child(3).done');
    equal(await page.innerText('#state'), buyer.shipped, 'the shop');
    await shoot(page, `${name}-5-shipped`);
    await wallet.waitForSelector('.done');
    await shoot(wallet, `${name}-6-wallet`);
    seen.isClean();
  });

  test(`${name}_does_the_same_without_javascript`, async () => {
    const seen = await visitor(...buyer.options, { javaScriptEnabled: false });
    const { page } = seen;
    await page.goto(`${shop}/`);
    await page.click('#buy');
    await page.waitForURL(`${gateway}/checkout/*`);
    await showsTheOrder(page, buyer);
    const payment = await shown(page);
    equal(await calls(payment, 'alipay.trade.precreate'), 1, 'orders sent before');
    await Promise.all([page.waitForNavigation(), page.click('#renew button')]); // POST, 303, GET
    await showsTheOrder(page, buyer);
    equal(await calls(payment, 'alipay.trade.precreate'), 2, 'orders sent after "new code"');
    const wallet = await inWallet(seen, 'pay');
    await page.waitForSelector('#card[data-state=paid]'); // by meta refresh
    equal(await page.innerText('#title'), buyer.paid, 'title');
    await page.waitForURL(`${shop}/orders/*`); // by meta refresh
    await page.waitForSelector('ol li:nth-child(3).done');
    await wallet.waitForSelector('.done');
    seen.isClean();
  });
}

test('a_click_on_the_language_changes_every_word_and_stays', async () => {
  const seen = await visitor(DESK, ENGLISH);
  const { page } = seen;
  await page.goto(`${shop}/`);
  await page.click('a[lang=zh-CN]');
  equal(await page.innerText('#buy'), '用支付宝购买', 'the button');
  await page.click('a[lang=en]');
  await page.click('#buy');
  await page.waitForSelector('#code');
  await page.click('footer a[lang=zh-CN]');
  await page.waitForSelector('html[lang=zh-CN]');
  await mark(page);
  const version = await page.getAttribute('#card', 'data-version');
  await page.click('#renew button');
  await until(async () => await page.getAttribute('#card', 'data-version') !== version, 'a fresh look at the order');
  expect(await isMarked(page), 'not reloaded');
  equal(await page.innerText('#title'), BUYERS.a_chinese_phone.scan, 'the language stays after "new code"');
  await inWallet(seen, 'pay');
  await page.waitForSelector('#card[data-state=paid]');
  equal(await page.innerText('#title'), BUYERS.a_chinese_phone.paid, 'and after the payment');
  seen.isClean();
});

test('the_books_hold_each_payment_once', async () => {
  const { trades } = await control('GET', '/trades');
  const paid = trades.filter((trade) => trade.status === 'TRADE_SUCCESS');
  equal(paid.length, 2 * Object.keys(BUYERS).length + 1, 'paid trades');
});

await main();
