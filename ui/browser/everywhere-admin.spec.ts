/** The admin center, the self-diagnosis and the demo shop, in every width, theme and language. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, test } from 'vitest';
import { context, open, signedIn, type Browser, type BrowserContext, type Page } from './harness/browser';
import { homely } from './harness/checks';
import { ada, Desk, ines } from './harness/desk';
import { Gallery } from './harness/gallery';
import { Line } from './harness/line';
import { until } from './harness/people';
import { faces, inWords } from './harness/words';

let browser: Browser;
let desk: Desk;
let line: Line;

beforeAll(async () => {
  line = await Line.start();
  [browser, desk] = await Promise.all([open(), Desk.start({ more: line.account('shop-line', 'messages') + '\n[[workstream]]\nid = "messages"\n' })]);
});
afterAll(async () => {
  await browser?.close();
  await desk?.remove();
  line?.stop();
});

describe.each(['en', 'fr'] as const)('the admin center, %s', (language) => {
  const say = inWords(faces, language);
  let where: BrowserContext;
  let page: Page;
  let gallery: Gallery;
  let atHome: () => void;

  beforeAll(async () => {
    where = await context(browser, { language });
    page = await signedIn(where, desk, ada, '/admin/accounts');
    atHome = homely(page, desk.url);
    gallery = new Gallery(language, 'admin');
  });
  afterEach(() => gallery.clean());
  afterAll(async () => {
    atHome?.();
    await where?.close();
  });

  const to = async (path: string) => {
    await page.goto(`${desk.url}/app${path}`);
    await page.locator('h1').first().waitFor();
  };
  /** failing shows a page whose question to the server is answered with an error. */
  const failing = async (path: string, question: string, name: string) => {
    await page.route(question, (route) => route.fulfill({ status: 500, contentType: 'application/problem+json', body: JSON.stringify({ code: 'internal', status: 500, title: 'Internal' }) }));
    await to(path);
    await page.getByText(say('problem.internal')).first().waitFor();
    await gallery.show(page, name);
    await page.unroute(question);
  };
  /** answering shows a page whose question is answered with what one gives. */
  const answering = async (path: string, question: string, body: unknown, text: string, name: string) => {
    await page.route(question, (route) => route.fulfill({ json: body }));
    await to(path);
    await page.getByText(text).first().waitFor();
    await gallery.show(page, name);
    await page.unroute(question);
  };

  test('accounts', async () => {
    await page.locator('table tbody tr').nth(1).waitFor();
    await gallery.show(page, 'accounts', { whole: true });
    await failing('/admin/accounts', '**/api/v1/accounts', 'accounts failed');
    await answering('/admin/accounts', '**/api/v1/accounts', { items: [] }, say('admin.accounts.none'), 'accounts empty');
    const { items } = await desk.ask<{ items: Record<string, unknown>[] }>(desk.key(ada), 'GET', '/accounts');
    const problem = { ...items[1], state: 'failed', open: false, problem: 'LINE refuses the channel access token: it has been revoked or has expired. Issue another one in the LINE Developers console.', kept_back: 12 };
    await answering('/admin/accounts', '**/api/v1/accounts', { items: [items[0], problem] }, say('admin.accounts.look'), 'accounts with a problem');
    await page.route('**/api/v1/accounts', () => {});
    await to('/admin/accounts');
    await gallery.show(page, 'accounts loading');
    await page.unroute('**/api/v1/accounts');
  });

  test('one account', async () => {
    await to('/admin/accounts/site');
    await page.locator('.card').first().waitFor();
    await gallery.show(page, 'account web chat', { whole: true });
    await to('/admin/accounts/shop-line');
    await page.getByRole('button', { name: say('admin.account.validate.act') }).click();
    await page.getByRole('button', { name: say('admin.account.validate.act') }).waitFor();
    await page.locator('.checks li').first().waitFor();
    await gallery.show(page, 'account LINE with checks', { whole: true });
    await to('/admin/accounts/nothing');
    await page.getByText(say('admin.account.gone', { id: 'nothing' })).waitFor();
    await gallery.show(page, 'account gone');
  });

  test('plugins', async () => {
    await to('/admin/plugins');
    await page.locator('.plugin').nth(1).waitFor();
    await gallery.show(page, 'plugins', { whole: true });
    await answering('/admin/plugins', '**/api/v1/plugins', { items: [] }, say('admin.plugins.none'), 'plugins none');
    const { items } = await desk.ask<{ items: Record<string, unknown>[] }>(desk.key(ada), 'GET', '/plugins');
    const fallen = { ...items[0], state: 'backing-off', restarts: 4, spooled: 3, next_start: new Date(Date.now() + 40_000).toISOString(), last_exit: { at: new Date(Date.now() - 60_000).toISOString(), after_ms: 5_200, reason: 'exit status 2', code: 2, output: 'panic: runtime error: index out of range [3] with length 3\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:12 +0x1d' } };
    await page.route('**/api/v1/plugins', (route) => route.fulfill({ json: { items: [fallen, ...items.slice(1)] } }));
    await to('/admin/plugins');
    await page.locator('.plugin details summary').first().click();
    await gallery.show(page, 'plugins fallen');
    await page.unroute('**/api/v1/plugins');
    await failing('/admin/plugins', '**/api/v1/plugins', 'plugins failed');
  });

  test('people', async () => {
    await to('/admin/people');
    await page.locator('table tbody tr').nth(2).waitFor();
    await gallery.show(page, 'people', { whole: true });
    await page.getByRole('button', { name: say('admin.people.disable.of', { name: ines.name }) }).click();
    await page.getByRole('dialog').waitFor();
    await gallery.show(page, 'shut out', { whole: true });
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: say('admin.people.invite') }).click();
    await page.getByLabel(say('admin.invite.name')).waitFor();
    await gallery.show(page, 'invite', { whole: true });
    await page.getByLabel(say('admin.invite.name')).fill('Léa Moreau-Desrosiers');
    await page.getByLabel(say('admin.invite.email')).fill(`lea.${language}@example.com`);
    await page.getByRole('dialog').getByRole('button', { name: say('admin.invite.act'), exact: true }).click();
    await page.getByText(say('admin.people.link.text')).waitFor();
    await gallery.show(page, 'invited', { whole: true });
    await page.getByRole('dialog').getByRole('button', { name: say('common.close') }).last().click();
    await page.getByRole('button', { name: say('admin.people.disable.of', { name: 'Léa Moreau-Desrosiers' }) }).first().click();
    await page.getByRole('dialog').getByRole('button', { name: say('admin.people.disable') }).click();
    await page.getByText(say('admin.people.enable'), { exact: true }).first().waitFor();
    await gallery.show(page, 'people shut out');
    await failing('/admin/people', '**/api/v1/agents', 'people failed');
  });

  test('configuration', async () => {
    await to('/admin/configuration');
    await page.locator('.code .ln').first().waitFor();
    await gallery.show(page, 'configuration', { whole: true });
    const file = join(desk.folder, 'guichet.toml');
    const good = readFileSync(file, 'utf8');
    writeFileSync(file, good.replace('workstream = "shop"', 'workstream = "shp"') + '\n[[queue]]\nid = "Orders"\npriorty = 3\n');
    const key = desk.key(ada);
    try {
      await until(() => desk.ask<{ problems: unknown[] }>(key, 'GET', '/configuration'), ({ problems }) => problems.length > 0, 'the file is read', 30_000);
      await page.reload();
      await page.locator('.prob').first().waitFor({ timeout: 30_000 });
      await gallery.show(page, 'configuration with problems', { whole: true });
    } finally {
      writeFileSync(file, good);
    }
    await answering('/admin/configuration', '**/api/v1/configuration', { ...(await desk.ask<object>(desk.key(ada), 'GET', '/configuration')), text: '', path: '', history: [], problems: [], banner: '' }, say('admin.configuration.empty'), 'configuration built in');
    await failing('/admin/configuration', '**/api/v1/configuration', 'configuration failed');
  });

  test('audit log', async () => {
    await to('/admin/audit');
    await page.locator('table tbody tr').first().waitFor();
    await gallery.show(page, 'audit', { whole: true });
    await page.getByLabel(say('admin.audit.find')).fill('zzz');
    await page.getByText(say('admin.audit.nothing', { words: 'zzz' })).waitFor();
    await gallery.show(page, 'audit nothing found');
    await answering('/admin/audit', '**/api/v1/audit*', { items: [], next: '' }, say('admin.audit.none'), 'audit empty');
    await failing('/admin/audit', '**/api/v1/audit*', 'audit failed');
  });

  test('not for agents', async () => {
    const other = await context(browser, { language });
    const theirs = await signedIn(other, desk, ines, '/admin/people');
    await theirs.getByText(say('admin.forbidden')).first().waitFor();
    await gallery.show(theirs, 'forbidden', { whole: true });
    await theirs.goto(desk.url + '/app/nowhere');
    await theirs.locator('h1').waitFor();
    await gallery.show(theirs, 'not found', { whole: true });
    await other.close();
  });

  test('self-diagnosis', async () => {
    await to('/diagnosis');
    await page.getByRole('button', { name: say('workspace.diagnosis.again') }).and(page.locator(':enabled')).waitFor({ timeout: 30_000 });
    await gallery.show(page, 'diagnosis', { whole: true });
    const blocked = await context(browser, { language });
    await blocked.routeWebSocket(/\/api\/v1\//, (socket) => socket.close({ code: 4999 }));
    const theirs = await signedIn(blocked, desk, ada, '/diagnosis');
    await theirs.locator('.diag-f .b-danger').first().waitFor({ timeout: 30_000 });
    await theirs.locator('.diag-f details summary').first().click();
    await gallery.show(theirs, 'diagnosis blocked', { whole: true });
    await blocked.close();
  });

  test('demo shop', async () => {
    for (const [name, path] of [['shop', '/demo'], ['piece', '/demo?piece=oval'], ['bag', '/demo?bag']] as const) {
      await page.goto(desk.url + path);
      await page.locator('h1').first().waitFor();
      await gallery.show(page, `demo ${name}`, { whole: true });
    }
  });
});
