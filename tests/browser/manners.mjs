// SPDX-License-Identifier: Apache-2.0
// Light and dark, keyboard, screen readers, small screens, calm, and how much an open page asks for.
import {
  CHINESE, DESK, ENGLISH, PHONE, SMALL, calls, control, equal, expect, isMarked, main, mark, merchant, order, pay, places, readCode, sandbox, shoot, shop,
  sleep, test, until, visitor,
} from './till.mjs';

const LIGHT = { colorScheme: 'light' };
const DARK = { colorScheme: 'dark' };
const LONG = 'An order with quite a long name that goes on and on, Donaudampfschifffahrtsgesellschaftskapitaen, 一个很长很长的商品名称用来检查换行是否正常';

async function paid(fields) {
  const payment = await order(fields);
  await control('POST', `/trades/${payment.upstream_no}/scan`, {});
  await pay(payment);
  await until(async () => (await merchant('GET', `/v1/payments/${payment.id}`)).json.state === 'paid', 'the payment');
  return payment;
}

async function closed() {
  const payment = await order();
  await merchant('POST', `/v1/payments/${payment.id}/close`);
  return payment;
}

// Text whose contrast with what is behind it is under WCAG AA (4.5, or 3 for large text).
const pale = () => {
  const parse = (text) => {
    const numbers = (text.match(/[\d.]+/g) ?? []).map(Number);
    return text.startsWith('color(srgb') ? [...numbers.slice(0, 3).map((n) => n * 255), numbers[3] ?? 1] : [...numbers.slice(0, 3), numbers[3] ?? 1];
  };
  const light = ([r, g, b]) => {
    const part = (n) => (n /= 255) <= 0.03928 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
  const behind = (element) => {
    const colours = [];
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      const stops = style.backgroundImage.match(/rgba?\([^)]*\)/g) ?? [];
      colours.push(parse(style.backgroundColor));
      if (stops.length && at !== document.body) colours.push(parse(stops[0]));
    }
    return colours.reverse().reduce((below, top) => over(top, below), matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255]);
  };
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode());) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !element.getClientRects().length || element.closest('.aside, noscript, script, option')) continue;
    const style = getComputedStyle(element);
    const ground = behind(element);
    const [a, b] = [light(over(parse(style.color), ground)), light(ground)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) bad.push(`${ratio.toFixed(2)} "${node.textContent.trim().slice(0, 30)}" ${style.color}`);
  }
  return bad;
};

// What a buyer sees of the platform itself; both cashiers before anybody logged in.
async function platformPages() {
  const orders = [await order({ product: 'page', subject: LONG }), await order({ product: 'wap', subject: LONG })];
  return [...orders.map((payment) => payment.action.value), `${sandbox}/wallet/code/tester`, `${sandbox}/wallet/app`,
    `${sandbox}/oauth2/publicAppAuthorize.htm?app_id=${places.app}&redirect_uri=${encodeURIComponent(shop)}`];
}

async function everyPage() {
  const [open, done, over] = [await order({ subject: LONG }), await paid(), await closed()];
  return [`${shop}/`, open.cashier_url, done.cashier_url, over.cashier_url, open.action.value, done.action.value, `${sandbox}/wallet`, `${sandbox}/console`,
    `${sandbox}/console/trades`, ...await platformPages()];
}

test('every_text_can_be_read_in_light_and_dark', async () => {
  const pages = await everyPage();
  for (const scheme of [LIGHT, DARK]) {
    const { page } = await visitor(PHONE, ENGLISH, scheme);
    for (const place of pages) {
      await page.goto(place);
      await page.waitForTimeout(600);
      equal((await page.evaluate(pale)).join('\n'), '', `pale text on ${place} in ${scheme.colorScheme}`);
    }
  }
});

test('nothing_runs_out_of_a_small_screen', async () => {
  const pages = await everyPage();
  const { page } = await visitor(SMALL, CHINESE);
  for (const place of pages) {
    await page.goto(place);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(wide <= 0, `${place} is ${wide} px too wide`);
  }
  await page.goto(pages[1]);
  equal(await readCode(page), await page.getAttribute('#code', 'href'), 'what the camera reads off a small screen');
  await shoot(page, 'small-cashier');
});

test('dark_is_dark_and_the_code_stays_black_on_white', async () => {
  const payment = await order();
  const grounds = [];
  for (const scheme of [LIGHT, DARK]) {
    const { page } = await visitor(DESK, ENGLISH, scheme);
    await page.goto(payment.cashier_url);
    grounds.push(await page.evaluate(() => getComputedStyle(document.getElementById('card')).backgroundColor));
    equal(await page.evaluate(() => getComputedStyle(document.getElementById('code')).backgroundColor), 'rgb(255, 255, 255)', 'behind the code');
    equal(await readCode(page), payment.action.value, 'what the camera reads');
  }
  expect(grounds[0] !== grounds[1], `the card is ${grounds[0]} in both`);
});

test('a_keyboard_reaches_everything_and_shows_where_it_is', async () => {
  const payment = await order();
  const { page } = await visitor(DESK, ENGLISH);
  for (const [place, wanted] of [[payment.cashier_url, ['code', 'open', 'renew', 'zh', 'en']], [`${shop}/`, ['buy', 'buy-here', 'buy-card', 'zh', 'en']]]) {
    await page.goto(place);
    const reached = [];
    for (let i = 0; i < wanted.length; i++) {
      await page.keyboard.press('Tab');
      const [name, outline] = await page.evaluate(() => {
        const at = document.activeElement;
        const style = getComputedStyle(at);
        return [at.id || at.closest('form')?.id || at.lang.slice(0, 2), `${style.outlineStyle} ${parseFloat(style.outlineWidth) >= 2}`];
      });
      reached.push(name);
      equal(outline, 'solid true', `the ring around ${name}`);
    }
    equal(reached.join(' '), wanted.join(' '), `the way of the Tab key on ${place}`);
  }
});

test('a_screen_reader_finds_names_a_language_and_news', async () => {
  const pages = await everyPage();
  for (const [lang, options] of [['zh-CN', CHINESE], ['en', ENGLISH]]) {
    const { page } = await visitor(DESK, options);
    for (const place of pages) {
      await page.goto(place);
      const flaws = await page.evaluate(() => {
        const name = (element) => element.getAttribute('aria-label') || element.textContent.trim() || element.labels?.[0]?.textContent.trim()
          || element.querySelector('[aria-label]')?.getAttribute('aria-label');
        const nameless = [...document.querySelectorAll('a, button, input:not([type=hidden]), select, textarea, [role=img]')].filter((e) => !name(e));
        const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
        return [...nameless.map((e) => `no name: ${e.outerHTML.slice(0, 80)}`), ...ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => `twice: ${id}`),
          ...(document.title.trim() ? [] : ['no title']), ...(document.querySelector('main') ? [] : ['no main'])];
      });
      equal(flaws.join('\n'), '', `flaws of ${place}`);
      equal(await page.getAttribute('html', 'lang'), lang, `language of ${place}`);
    }
    await page.goto(pages[1]);
    equal(await page.getAttribute('#said', 'aria-live'), 'polite', 'how news are told');
    equal(await page.locator('h1').count(), 1, 'headings');
  }
});

test('who_wants_calm_gets_it', async () => {
  const payment = await paid({ return_url: undefined });
  for (const [motion, wanted] of [['reduce', false], ['no-preference', true]]) {
    const { page } = await visitor(PHONE, ENGLISH, { reducedMotion: motion });
    for (const place of [`${shop}/`, payment.cashier_url]) {
      await page.goto(place);
      equal(await page.evaluate(() => document.getAnimations().length > 0), wanted, `something moves on ${place} with ${motion}`);
    }
  }
});

test('an_open_page_asks_the_platform_a_bounded_number_of_times', async () => {
  const payment = await order();
  const sum = async (name) => {
    const text = await (await fetch(`http://127.0.0.1:${places.private}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    return lines.reduce((total, line) => total + Number(line.split(' ').pop()), 0);
  };
  const visitors = [];
  for (let i = 0; i < 3; i++) visitors.push(await visitor(PHONE, ENGLISH));
  const [commits, upstream] = [await sum('till_store_commit_seconds_count'), await sum('till_upstream_total')];
  for (const { page } of visitors) await page.goto(payment.cashier_url);
  await sleep(10000);
  const polls = visitors.flatMap(({ requests }) => requests).filter((request) => request.url().endsWith('/state')).length;
  const asked = await calls(payment, 'alipay.trade.query');
  const committed = await sum('till_store_commit_seconds_count') - commits;
  const questions = await sum('till_upstream_total') - upstream; // of all orders: earlier ones wait too
  expect(polls >= 15 && polls <= 24, `${polls} looks of three pages in ten seconds`);
  expect(asked >= 2 && asked <= 4, `${asked} questions to the platform`);
  expect(committed <= 4 * questions + 6, `${committed} commits for ${questions} questions and ${polls} looks`);
});

test('a_hidden_page_is_silent_and_catches_up_when_it_is_shown', async () => {
  const payment = await order({ return_url: undefined });
  const { page, requests, context } = await visitor(PHONE, ENGLISH);
  await context.addInitScript(() => {
    let isHidden = false;
    Object.defineProperty(document, 'hidden', { get: () => isHidden });
    window.hide = (value) => { isHidden = value; document.dispatchEvent(new Event('visibilitychange')); };
  });
  await page.goto(payment.cashier_url);
  await mark(page);
  const looks = () => requests.filter((request) => request.url().endsWith('/state')).length;
  await until(() => looks() > 0, 'a look');
  await page.evaluate(() => window.hide(true));
  await sleep(2000);
  const before = looks();
  await control('POST', `/trades/${payment.upstream_no}/scan`, {});
  await pay(payment);
  await sleep(4000);
  equal(looks(), before, 'looks while hidden');
  await page.evaluate(() => window.hide(false));
  await page.waitForSelector('#card[data-state=paid]', { timeout: 3000 });
  expect(await isMarked(page), 'not reloaded');
  await sleep(3500);
  equal(looks(), before + 1, 'looks at what is final');
});

await main();
