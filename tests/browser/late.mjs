// SPDX-License-Identifier: Apache-2.0
// Two hours later. Behind the scripts whose orders live on the gateway's clock, since a turned clock does not go back.
import { ENGLISH, PHONE, control, equal, expect, inWallet, isMarked, main, mark, order, read, readCode, setTime, shoot, sleep, test, visitor } from './till.mjs';

test('a_code_that_ran_out_is_replaced_by_another_without_a_reload', async () => {
  const payment = await order({ expires_in: 86400 });
  setTime(payment, { 'attempts.action_expires_us': Date.now() + 3000 });
  const seen = await visitor(PHONE, ENGLISH);
  const { page } = seen;
  await page.goto(payment.cashier_url);
  await mark(page);
  expect(/^0:0[0-3]$/.test(await page.innerText('#clock')), 'seconds are left');
  equal(await page.locator('#clock.soon').count(), 1, 'a clock that shows it');
  await page.waitForFunction(() => document.getElementById('title').textContent === 'This code has expired');
  expect((await page.innerText('#advice')).includes('Your order still stands'), 'what to do');
  equal(await page.locator('#code').count(), 0, 'codes offered');
  await shoot(page, 'state-stale');
  await control('POST', '/clock', { advance_seconds: 7201 }); // the platform's two hours
  await sleep(3000); // "new code" works every three seconds
  await page.click('#renew button');
  await page.waitForSelector('#code');
  const fresh = await page.getAttribute('#code', 'href');
  expect(fresh !== payment.action.value, 'another code');
  equal((await read(payment)).action.value, fresh, 'the code of the record');
  equal(await readCode(page), fresh, 'what the camera reads');
  expect(/^1:59:5\d$/.test(await page.innerText('#clock')), 'another two hours');
  await inWallet(seen, 'pay');
  await page.waitForSelector('#card[data-state=paid]');
  expect(await isMarked(page), 'not reloaded');
  seen.isClean();
});

await main();
