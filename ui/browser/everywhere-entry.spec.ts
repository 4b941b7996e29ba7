/** The pages before the counter, in every width, theme and language. */
import { afterAll, afterEach, beforeAll, describe, test } from 'vitest';
import { context, open, type Browser, type BrowserContext, type Page } from './harness/browser';
import { homely } from './harness/checks';
import { ada, Desk, ines } from './harness/desk';
import { Gallery } from './harness/gallery';
import { faces, inWords } from './harness/words';

let browser: Browser;
let desk: Desk;
let fresh: Desk;

beforeAll(async () => {
  [browser, desk, fresh] = await Promise.all([open(), Desk.start(), Desk.fresh()]);
});
afterAll(async () => {
  await browser?.close();
  await Promise.all([desk?.remove(), fresh?.remove()]);
});

describe.each(['en', 'fr'] as const)('before the counter, %s', (language) => {
  const say = inWords(faces, language);
  let where: BrowserContext;
  let page: Page;
  let gallery: Gallery;
  let atHome: () => void;

  beforeAll(async () => {
    where = await context(browser, { language });
    page = await where.newPage();
    gallery = new Gallery(language, 'entry');
  });
  afterEach(() => gallery.clean());
  afterAll(() => where?.close());

  test('the first administrator', async () => {
    atHome = homely(page, fresh.url);
    await page.goto(fresh.url + '/app/');
    await page.getByText(say('entry.setup.no-link')).waitFor();
    await gallery.show(page, 'first without a link', { whole: true });
    const token = /#([\w-]{20,})/.exec(fresh.said())?.[1];
    if (!token) throw new Error(`the program printed no link:\n${fresh.said()}`);
    await page.goto(`${fresh.url}/app/setup#${token}`);
    await page.getByLabel(say('entry.name'), { exact: true }).waitFor();
    await gallery.show(page, 'first', { whole: true });
    await page.getByRole('button', { name: say('entry.setup.act') }).click();
    await page.getByText(say('common.required')).first().waitFor();
    await gallery.show(page, 'first with faults');
    await page.getByLabel(say('entry.email'), { exact: true }).fill('not an address');
    await page.getByLabel(say('entry.password'), { exact: true }).fill('password12');
    await gallery.show(page, 'first with a weak password');
    atHome();
  });

  test('sign-in', async () => {
    atHome = homely(page, desk.url);
    await page.goto(desk.url + '/app/');
    const act = page.getByRole('button', { name: say('entry.sign-in.act') });
    await act.waitFor();
    await gallery.show(page, 'sign-in', { whole: true });
    await page.getByRole('button', { name: say('entry.sign-in.forgotten') }).click();
    await gallery.show(page, 'sign-in forgotten');
    await act.click();
    await page.getByText(say('common.required')).first().waitFor();
    await gallery.show(page, 'sign-in empty');
    await page.getByLabel(say('entry.email'), { exact: true }).fill(ines.email);
    await page.getByLabel(say('entry.password'), { exact: true }).fill('wrong');
    await act.click();
    await page.getByText(say('entry.sign-in.wrong')).waitFor();
    await gallery.show(page, 'sign-in wrong', { whole: true });
    await page.route('**/api/v1/sign-in', (route) => route.abort());
    await act.click();
    await page.getByText(say('problem.offline')).waitFor();
    await gallery.show(page, 'sign-in offline', { whole: true });
    await page.unroute('**/api/v1/sign-in');
    await page.route('**/api/v1/sign-in', (route) => route.fulfill({ status: 429, headers: { 'Retry-After': '240', 'Content-Type': 'application/problem+json' }, body: JSON.stringify({ code: 'rate-limited', title: 'Too many', status: 429 }) }));
    await act.click();
    await page.getByRole('alert').or(page.locator('.banner')).first().waitFor();
    await gallery.show(page, 'sign-in too often');
    await page.unroute('**/api/v1/sign-in');
    atHome();
  });

  test('the server does not answer', async () => {
    await page.route('**/api/v1/**', (route) => route.abort());
    await page.goto(desk.url + '/app/');
    await page.getByRole('button', { name: say('common.retry') }).waitFor();
    await gallery.show(page, 'no server', { whole: true });
    await page.unroute('**/api/v1/**');
  });

  test('an invitation', async () => {
    const key = desk.key(ada);
    const { url } = await desk.ask<{ url: string }>(key, 'POST', `/agents/${ines.id}/invitation`);
    await page.goto('about:blank');
    await page.goto(desk.url + new URL(url).pathname + new URL(url).hash);
    await page.getByText(ines.email).waitFor();
    await gallery.show(page, 'invitation', { whole: true });
    await page.goto('about:blank');
    await page.goto(desk.url + '/app/invitation#spent');
    await page.getByText(say('entry.invitation.over')).waitFor();
    await gallery.show(page, 'invitation over', { whole: true });
  });
});
