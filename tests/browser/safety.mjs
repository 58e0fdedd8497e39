// SPDX-License-Identifier: Apache-2.0
// Whatever merchants and strangers write, a browser shows it and obeys none of it.
import { DESK, ENGLISH, PHONE, control, equal, expect, gateway, main, order, pay, places, read, sandbox, shop, test, until, visitor } from './till.mjs';

const SUBJECTS = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(2)</script>',
  '\'"><svg onload=alert(3)>',
  '</p></section><iframe src=javascript:alert(4)>',
  '<a href="javascript:alert(5)">click</a>',
  '&lt;script&gt;alert(6)&lt;/script&gt; {{7*7}} ${alert(7)}',
];
// What our own pages consist of, and nothing else may be there.
const FOREIGN = 'img, iframe, object, embed, base, script:not([src="/assets/cashier.js"], [src="/sandbox.js"], [src="/alipay/cashier.js"]), svg[onload], a[href^="javascript:"], style, [style], [onerror]';

async function isTame(page, words) {
  const found = await page.evaluate((selector) => [...document.querySelectorAll(selector)].map((element) => element.outerHTML), FOREIGN);
  equal(found.join('\n'), '', `foreign elements on ${page.url()}`);
  if (words) expect((await page.innerText('body')).includes(words), `${page.url()} shows ${words}`);
}

test('s_111_a_script_in_the_subject_is_text_in_a_real_browser', async () => {
  for (const [i, subject] of SUBJECTS.entries()) {
    const payment = await order({ subject, return_url: `${shop}/?x=%22%3E%3Cscript%3Ealert(8)%3C/script%3E` });
    expect(payment.action?.value, `the order was taken: ${JSON.stringify(payment)}`);
    const seen = await visitor(i % 2 ? DESK : PHONE, ENGLISH);
    const { page } = seen;
    await page.goto(payment.cashier_url);
    await isTame(page, subject);
    equal(await page.innerText('.subject'), subject, 'the subject, letter by letter');
    await page.goto(payment.action.value); // the wallet, which scans
    await isTame(page);
    await page.goto(`${sandbox}/wallet`);
    await isTame(page);
    for (const place of ['/console', '/console/trades', `/console/trades/${places.app}/${payment.upstream_no}`, '/console/exchanges', '/console/faults', '/console/clock']) {
      const answer = await page.goto(sandbox + place);
      expect(answer.ok(), `${place} answered ${answer.status()}`);
      await isTame(page);
    }
    await page.goto(`${sandbox}/console/exchanges`);
    const calls = await page.locator('main a[href*="/console/exchanges/"]').evaluateAll((links) => links.slice(0, 3).map((link) => link.href));
    expect(calls.length > 0, 'calls are listed');
    for (const call of calls) {
      await page.goto(call);
      await isTame(page);
    }
    await pay(payment);
    await page.goto(payment.cashier_url);
    await page.waitForSelector('#card[data-state=paid]');
    await isTame(page, subject);
    seen.isClean();
  }
});

test('s_111_the_policy_is_strict_and_the_browser_enforces_it', async () => {
  const payment = await order();
  const { page } = await visitor(DESK, ENGLISH);
  for (const place of [payment.cashier_url, payment.action.value, `${shop}/`, `${shop}/orders/none`, `${sandbox}/console`, `${gateway}/checkout/none`]) {
    const answer = await page.goto(place);
    const policy = answer.headers()['content-security-policy'] ?? '';
    for (const part of ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"]) expect(policy.includes(part), `${place}: ${policy}`);
    expect(!/unsafe|\*|https?:(?!\/\/127\.0\.0\.1)/.test(policy), `${place}: ${policy}`);
    equal(answer.headers()['x-content-type-options'], 'nosniff', place);
    const ran = await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'window.ran = true';
      document.body.append(script);
      return window.ran === true;
    });
    expect(!ran, `${place}: an inline script ran`);
  }
});

test('s_111_the_cashier_cannot_be_put_into_a_frame', async () => {
  const payment = await order();
  const { page } = await visitor(DESK, ENGLISH);
  await page.setContent(`<iframe src="${payment.cashier_url}" width="600" height="600"></iframe>`);
  await until(() => page.frames().length === 2 && page.frames()[1].url() !== 'about:blank', 'the frame');
  expect(!(await page.frames()[1].content()).includes('data-state'), 'the cashier shows in a frame');
});

test('s_112_made_up_return_parameters_change_nothing', async () => {
  const payment = await order();
  const before = JSON.stringify(await read(payment));
  const lies = `trade_status=TRADE_SUCCESS&total_amount=100&out_trade_no=${payment.upstream_no}&trade_no=2026112322001&sign=AAAA&sign_type=RSA2`;
  const { page } = await visitor(PHONE, ENGLISH);
  const answer = await page.goto(`${gateway}/return/alipay/${places.account}?${lies}`);
  equal(answer.status(), 400, 'status of an unproven return');
  expect(!/paid|success/i.test(await page.innerText('body')), 'nothing about a payment');
  await page.goto(`${payment.cashier_url}?${lies}`);
  equal(await page.getAttribute('#card', 'data-state'), 'pending', 'the cashier');
  await page.waitForTimeout(4000);
  equal(await page.getAttribute('#card', 'data-state'), 'pending', 'the cashier, later');
  await page.goto(`${shop}/`);
  await page.click('#buy');
  await page.waitForSelector('#code');
  const number = await page.innerText('dl div:nth-child(2) dd');
  await page.goto(`${shop}/orders/${number}?${lies}`);
  equal(await page.innerText('#state'), 'Waiting for payment', 'the shop');
  equal(JSON.stringify(await read(payment)), before, 'the payment');
  const { trades } = await control('GET', '/trades');
  expect(!trades.some((trade) => trade.out_trade_no === payment.upstream_no && trade.status === 'TRADE_SUCCESS'), 'no money moved');
});

await main();
