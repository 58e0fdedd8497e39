// SPDX-License-Identifier: Apache-2.0
// Chromium behind the lines of tests/interop/sdk.py: {"do": "pay", "address": ..., "site": ..., "phone": true} opens an
// address (a page that posts a form by itself, too), logs in at the platform's cashier, pays, goes back. The value is where it ends.
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';

const { chromium } = createRequire(new URL('../node/package.json', import.meta.url))('playwright-core');
const browser = await chromium.launch({
  executablePath: process.env.TILL_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

async function pay({ address, site, phone }) {
  const context = await browser.newContext(phone ? PHONE : {});
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(20000);
    await page.goto(address);
    await page.waitForURL('**/alipay/cashier/**');
    await page.check('input[value=tester]');
    await page.click('button[value=login]');
    await page.click('button[value=pay]');
    await page.click('#return', { timeout: 4000 }).catch(() => {}); // or it goes back by itself
    await page.waitForURL(`${site}/back**`);
    return page.url();
  } finally {
    await context.close();
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { value: await pay(JSON.parse(line)) };
  } catch (error) {
    answer = { refused: `${error.name}: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
