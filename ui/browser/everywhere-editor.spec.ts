/** Adding and changing accounts, versions, plugins and bundles, in every width, theme and language. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, test } from 'vitest';
import { context, open, signedIn, type Browser, type BrowserContext, type Page } from './harness/browser';
import { homely } from './harness/checks';
import { ada, Desk } from './harness/desk';
import { Gallery } from './harness/gallery';
import { Line } from './harness/line';
import { spoken } from './harness/plugins';
import { faces, inWords, type Catalogue } from './harness/words';

type Items = { items: Record<string, unknown>[] };
const secret = '0123456789abcdef0123456789abcdef';
const hash = (letter: string) => letter.repeat(64);

let browser: Browser;
let line: Line;

beforeAll(async () => {
  [browser, line] = await Promise.all([open(), Line.start()]);
});
afterAll(async () => {
  await browser?.close();
  line?.stop();
});

describe.each(['en', 'fr'] as const)('the editor, %s', (language) => {
  const say = inWords(faces, language);
  let desk: Desk;
  let where: BrowserContext;
  let page: Page;
  let gallery: Gallery;
  let words: Catalogue; // of the plugins
  let atHome: () => void;
  let file: string;

  beforeAll(async () => {
    desk = await Desk.start({ more: '# kept as it is written\n[[workstream]]\nid = "spare"\n' });
    file = join(desk.folder, 'guichet.toml');
    where = await context(browser, { language });
    page = await signedIn(where, desk, ada, '/admin/accounts');
    page.on('dialog', (dialog) => void dialog.accept()); // the browser asks as well when unsaved input is left
    atHome = homely(page, desk.url);
    const plugins = await spoken(page, desk.url);
    words = plugins[language];
    gallery = new Gallery(language, 'editor', 'faces', plugins);
  });
  afterEach(() => gallery.clean());
  afterAll(async () => {
    atHome?.();
    await where?.close();
    await desk?.remove();
  });

  const button = (key: string, values = {}) => page.getByRole('button', { name: say(key, values), exact: true });
  const inDialog = (key: string) => page.getByRole('dialog').getByRole('button', { name: say(key), exact: true });
  const heading = (key: string) => page.getByRole('heading', { name: say(key), exact: true });
  const field = (key: string, values = {}) => page.getByLabel(say(key, values), { exact: true });
  /** setting is the field of a setting of LINE. */
  const setting = (key: string) => page.locator('form').getByLabel(new RegExp(`^${words[`line ${key} title`]}`)).first();
  const next = () => button('admin.add.next').click();
  const text = () => readFileSync(file, 'utf8');
  const escaped = async () => {
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  };
  const to = async (path: string) => {
    await page.goto(`${desk.url}/app${path}`);
    await page.locator('h1').first().waitFor();
  };
  /** answering changes what the server answers to a question. */
  const answering = (question: string, change: (body: Items) => unknown) =>
    page.route(question, async (route) => {
      if (route.request().method() !== 'GET') return route.fallback();
      const answer = await route.fetch();
      await route.fulfill({ response: answer, json: change((await answer.json()) as Items) });
    });
  const refusing = (question: string, method: string, detail: string) =>
    page.route(question, (route) =>
      route.request().method() === method ? route.fulfill({ status: 409, contentType: 'application/problem+json', body: JSON.stringify({ code: 'conflict', status: 409, title: 'Conflict', detail }) }) : route.fallback(),
    );

  test('the wizard, step by step', async () => {
    await answering('**/api/v1/plugin-schemas', (body) => ({ ...body, items: body.items.map((one) => (one['plugin'] === 'line' ? { ...one, consent: true, documentation_url: 'https://developers.line.biz/en/docs/messaging-api/', retirement_notice: 'LINE ends this interface on 31 July 2027.' } : one)) }));
    await to('/admin/add-account');
    await page.getByRole('button', { name: /^LINE/ }).waitFor();
    await gallery.show(page, 'kinds', { whole: true });

    await page.getByRole('button', { name: /^LINE/ }).click();
    await field('admin.add.name').waitFor();
    await gallery.show(page, 'name and consent', { whole: true });
    await field('admin.add.name').fill('');
    await field('admin.add.id').fill('Boutique Élan');
    await next();
    await page.getByText(say('admin.add.consent-needed')).waitFor();
    await gallery.show(page, 'name and consent with faults', { whole: true });
    await field('admin.add.name').fill('Boutique Élan, commandes et réparations');
    await field('admin.add.id').fill('shop-line');
    await field('admin.add.test').check();
    await field('admin.add.consent.given', { provider: 'LINE' }).check();
    await next();

    await heading('admin.add.step.settings').waitFor();
    await gallery.show(page, 'credentials', { whole: true });
    await setting('api_url').fill('nowhere');
    await next();
    await page.getByText(say('common.required')).first().waitFor();
    await gallery.show(page, 'credentials with faults');
    await setting('channel_id').fill('1234567890');
    await setting('channel_secret').fill(secret);
    await setting('channel_access_token').fill('token');
    await setting('api_url').fill(line.url);
    await setting('data_url').fill(line.url);
    const question = '**/api/v1/plugins/line/validate';
    await page.route(question, () => {});
    await next();
    await page.getByText(say('admin.add.asking')).waitFor();
    await gallery.show(page, 'checks running');
    await page.unroute(question);

    // Where somebody was before, and what they had typed, is gone after a reload: go back, and on again.
    await button('admin.add.step.settings').click();
    await heading('admin.add.step.settings').waitFor();
    await gallery.show(page, 'credentials kept');
    const either = (english: string, french: string) => (language === 'fr' ? french : english);
    const checks = [
      {
        name: 'token', title: either('Access token', 'Jeton d’accès'), state: 'failed', field: 'channel_access_token',
        detail: either('LINE answered', 'LINE a répondu') + ' 401: Authentication failed. Confirm that the access token in the authorization header is valid.',
        fix: either('Issue a new channel access token in the Messaging API tab of the LINE Developers console and paste it.', 'Délivrez un nouveau jeton d’accès dans l’onglet « Messaging API » de la console LINE Developers et collez-le.'),
      },
      {
        name: 'webhook-url', title: either('Webhook URL', 'Adresse du webhook'), state: 'warning',
        detail: either('The webhook URL is right, but its use is switched off.', 'L’adresse du webhook est juste, mais il est désactivé.'),
        fix: either('Switch on "Use webhook" in the Messaging API tab of the LINE Developers console.', 'Activez « Use webhook » dans l’onglet « Messaging API » de la console LINE Developers.'),
      },
      { name: 'bot-info', title: either('Official account', 'Compte officiel'), state: 'passed', detail: either('Atelier Nour (@atelier), bot user U1.', 'Atelier Nour (@atelier), utilisateur du bot U1.') },
      { name: 'webhook-test', title: either('LINE can reach the webhook', 'LINE joint le webhook'), state: 'skipped', detail: '' },
    ];
    await page.route(question, (route) => route.fulfill({ json: { items: checks, problems: [] } }));
    await next();
    await page.locator('.checks .c-bad').or(button('admin.account.validate.act')).first().waitFor();
    if ((await page.locator('.checks .c-bad').count()) === 0) await button('admin.account.validate.act').click();
    await page.locator('.checks .c-bad').waitFor();
    await next();
    await page.getByText(say('admin.add.anyway-needed')).waitFor();
    await gallery.show(page, 'checks failed', { whole: true });
    await page.unroute(question);
    await page.route(question, (route) => route.fulfill({ json: { items: checks.map((one) => ({ ...one, state: 'passed', fix: '' })), problems: [] } }));
    await button('admin.account.validate.act').click();
    await page.locator('.checks .c-bad').waitFor({ state: 'detached' });
    await page.locator('.checks .c-ok').nth(3).waitFor();
    await gallery.show(page, 'checks passed, with the callback', { whole: true });
    await page.unroute(question);
    await next();

    await heading('admin.add.channel').waitFor();
    await gallery.show(page, 'channel', { whole: true });
    await field('admin.add.workstream.which').selectOption('');
    await field('admin.add.queue').selectOption('');
    await field('admin.add.channel.id').fill('Not an id');
    await next();
    await page.getByText(say('admin.add.members-needed')).waitFor();
    await gallery.show(page, 'channel with faults', { whole: true });
    await field('admin.add.channel.id').fill('shop-line');
    await field('admin.add.queue.name').fill('Commissions and repairs of the studio');
    await page.getByRole('checkbox', { name: 'Inès Roux' }).check();
    await next();
    await page.locator('.dp', { hasText: 'plugin = "line"' }).first().waitFor();
    await gallery.show(page, 'summary', { whole: true });
    await page.getByRole('link', { name: say('admin.nav.plugins') }).first().evaluate((link: HTMLElement) => link.click());
    await page.getByRole('dialog').waitFor();
    await gallery.show(page, 'leaving', { whole: true });
    await button('admin.leave.stay').click();
    await button('admin.add.save').click();
    await heading('admin.edit').waitFor();
    await gallery.show(page, 'added');
    await page.unrouteAll();
  });

  test('every kind of setting', async () => {
    const made = (key: string, kind: string, more = {}) => ({ key, kind, title: `A ${kind}`, help: `Help of ${key}.`, required: false, secret: kind === 'secret', test_only: false, default: '', options: [], pattern: '', group: 'Kinds of settings', show_if: '', ...more });
    await answering('**/api/v1/plugin-schemas', (body) => {
      const settings = [...['string', 'text', 'secret', 'int', 'bool', 'duration', 'url', 'email', 'list', 'file'].map((kind) => made(kind, kind)), made('select', 'select', { options: ['one', 'two'], default: 'one' }), made('keys', 'list', { title: 'Some keys', secret: true, group: 'Keys' })];
      return { ...body, items: body.items.map((one) => (one['plugin'] === 'line' ? { ...one, settings, consent: false } : one)) };
    });
    await to('/admin/add-account');
    await page.getByRole('button', { name: /^LINE/ }).click();
    await field('admin.add.name').waitFor();
    await next();
    await page.getByLabel(/^A select/).waitFor();
    await page.getByLabel(/^A int/).fill('many');
    await page.getByLabel(/^A duration/).fill('a while');
    for (const name of ['A list', 'Some keys']) {
      await button('admin.form.element-add.of', { field: name }).click();
      await page.keyboard.type('a rather long element of a list, which goes on and on');
    }
    const chosen = page.waitForEvent('filechooser');
    await button('admin.form.file-choose.of', { field: 'A file' }).click();
    await (await chosen).setFiles({ name: 'service-account-of-the-shop-2026-11-production.json', mimeType: 'application/json', buffer: Buffer.from('{"a": 1}') });
    await page.getByText(say('admin.form.file-chosen', { name: 'service-account-of-the-shop-2026-11-production.json' })).waitFor();
    await next();
    await page.getByText(say('admin.form.bad-int')).waitFor();
    await gallery.show(page, 'every kind of setting', { whole: true });
    await gallery.show(page, 'every kind of setting, below', { at: 'label:has-text("A url")' });
    await page.unrouteAll();
  });

  test('an account', async () => {
    await to('/admin/accounts/shop-line');
    await page.locator('#edit-title').waitFor();
    await gallery.show(page, 'settings', { whole: true, at: '#edit-title' });
    const form = page.locator('form');
    await form.getByLabel(say('admin.field.account.name')).first().fill('');
    await setting('api_url').fill('nowhere');
    await form.getByRole('button', { name: say('admin.form.replace.of', { field: words['line channel_secret title']! }) }).click();
    await button('admin.edit.review').click();
    await page.getByText(say('admin.form.bad-url')).first().waitFor();
    await gallery.show(page, 'settings with faults', { whole: true, at: '#edit-title' });
    await button('admin.edit.discard').click();
    await page.getByText(say('admin.edit.unsaved')).waitFor({ state: 'detached' });
    await button('admin.edit.act.switch-off').click();
    await page.getByRole('dialog').locator('.dp').first().waitFor();
    await gallery.show(page, 'switch off', { whole: true });
    await escaped();

    await form.getByLabel(say('admin.field.account.name')).first().fill('Boutique Élan');
    await page.getByText(say('admin.edit.unsaved')).waitFor();
    await gallery.show(page, 'unsaved', { at: '.savebar' });
    await page.getByRole('link', { name: say('admin.nav.plugins') }).first().evaluate((link: HTMLElement) => link.click());
    await page.getByRole('dialog').waitFor();
    await gallery.show(page, 'unsaved, leaving', { whole: true });
    await button('admin.leave.stay').click();
    await button('admin.edit.review').click();
    await page.getByRole('dialog').locator('.dp').first().waitFor();
    await gallery.show(page, 'review', { whole: true });
    writeFileSync(file, text() + '\n# from the disk, a rather long comment that somebody has written into the file with an editor of their own\n');
    await inDialog('admin.edit.act.save').click();
    await page.locator('.dp', { hasText: '# from the disk' }).waitFor();
    await gallery.show(page, 'conflict', { whole: true, at: '#edit-title' });
    await button('admin.conflict.again').click();
    await inDialog('admin.edit.act.save').click();
    await page.getByRole('heading', { name: 'Boutique Élan', level: 1 }).waitFor();
    await gallery.show(page, 'saved');

    for (const name of ['Hana', 'Mina']) await line.write(desk, 'shop-line', name, { type: 'text', text: 'Hello' });
    await button('admin.edit.act.remove').click();
    await page.getByText(say('admin.needed', { count: 2 })).waitFor();
    await gallery.show(page, 'needed', { whole: true, at: '[role=alert]:has(.needs)' });
    await button('admin.edit.act.retire').click();
    await page.getByRole('dialog').locator('.dp').first().waitFor();
    await gallery.show(page, 'retire', { whole: true });
    await inDialog('admin.edit.act.retire').click();
    await button('admin.edit.act.take-back').waitFor();
    await gallery.show(page, 'retired', { whole: true });
    await gallery.show(page, 'retired, below', { at: '.danger-zone' });
  });

  test('a web chat', async () => {
    await to('/admin/accounts/site');
    await page.locator('#edit-title').waitFor();
    await gallery.show(page, 'web chat', { whole: true, at: '#edit-title' });
  });

  test('a file that cannot be written', async () => {
    chmodSync(file, 0o444);
    try {
      for (const [path, name] of [['/admin/accounts/site', 'read-only'], ['/admin/add-account', 'read-only, adding']] as const) {
        await to(path);
        await page.getByText(say('admin.readonly')).waitFor();
        await gallery.show(page, name, { whole: true, at: path.endsWith('site') ? '#edit-title' : undefined });
      }
    } finally {
      chmodSync(file, 0o644);
    }
  });

  test('versions', async () => {
    await to('/admin/configuration/versions');
    await page.locator('.ver').nth(2).waitFor();
    await gallery.show(page, 'versions', { whole: true });
    await page.locator('.ver').nth(2).click();
    await page.locator('.diff').nth(1).waitFor();
    await page.locator('details summary').click();
    await gallery.show(page, 'version', { whole: true });
    await gallery.show(page, 'version, the whole text', { at: 'details' });
    await button('admin.version.act').click();
    await page.getByRole('dialog').locator('.dp, .dm').first().waitFor();
    await gallery.show(page, 'going back', { whole: true });
    await inDialog('admin.version.act').click();
    await heading('admin.configuration').waitFor();
    await heading('admin.secrets').waitFor();
    await gallery.show(page, 'gone back', { whole: true });
    await gallery.show(page, 'history and secrets', { at: '.cfg > .stackc' });
  });

  test('a plugin', async () => {
    await answering('**/api/v1/plugins', (body) => ({ items: body.items.map((one) => ({ ...one, calls: [...(one['calls'] as object[]), { method: 'Send', calls: 128_431, errors: 1_204, mean_ms: 143.7, p50_ms: 96.2, p99_ms: 2_412 }] })) }));
    await to('/admin/plugins/line');
    await page.locator('.calls').waitFor();
    await gallery.show(page, 'plugin', { whole: true });
    const lines = Array.from({ length: 60 }, (_, i) => ({ number: i + 1, at: '2026-11-21T10:00:00Z', text: i % 7 ? `sent one message of ${i} bytes` : 'level=warn msg="LINE answered 429: too many requests, waiting" account=shop-line retry=2s request=8b1c2f5e-7c1e-4c27-9d56-5d7a1c3a0f9b url=https://api.line.me/v2/bot/message/push' }));
    await page.route('**/api/v1/plugins/line/log*', (route) => route.fulfill({ json: { items: route.request().url().includes('after=0') ? lines : [], next: 60 } }));
    await button('admin.log.open').click();
    await page.getByRole('log').getByText('sent one message of 59 bytes').waitFor();
    await gallery.show(page, 'plugin log', { whole: true, at: '.logt' });
    await page.getByRole('log').evaluate((log) => (log.scrollTop = 0));
    await button('admin.log.follow', { count: 0 }).waitFor();
    await page.getByLabel(say('admin.log.find')).fill('zzz');
    await page.getByText(say('admin.log.nothing')).waitFor();
    await gallery.show(page, 'plugin log, nothing found', { at: '.logt' });
    await button('admin.restart').click();
    await page.getByRole('dialog').waitFor();
    await gallery.show(page, 'restart', { whole: true });
    await page.route('**/api/v1/plugins/line/restart', (route) => route.fulfill({ status: 202, json: {} }));
    await inDialog('admin.restart').click();
    await page.getByText(say('admin.restart.going')).waitFor();
    await gallery.show(page, 'restarting');
    await page.unrouteAll();

    const output = 'panic: runtime error: index out of range [3] with length 3\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:12 +0x1d';
    await answering('**/api/v1/plugins', (body) => ({ items: body.items.map((one) => ({ ...one, kind: 'third-party', sha256: hash('a1'), state: 'backing-off', restarts: 4, spooled: 3, next_start: new Date(Date.now() + 40_000).toISOString(), enforced: ['It reads and writes only its own folder.'], not_enforced: ['It may reach any host of the network.'], last_exit: { at: new Date(Date.now() - 60_000).toISOString(), after_ms: 5_200, reason: 'exit status 2', code: 2, output } })) }));
    await to('/admin/plugins/line');
    await page.locator('.output').waitFor();
    await gallery.show(page, 'plugin fallen', { whole: true });
    await page.unrouteAll();
    await to('/admin/plugins/nothing');
    await page.getByText(say('admin.plugin.gone', { name: 'nothing' })).waitFor();
    await gallery.show(page, 'plugin gone');
  });

  test('bundles', async () => {
    const bundle = (more: object) => ({
      accounts: [], address: [], approved_at: null, approved_by: '', command: ['/usr/bin/python3', 'pigeon.py', '--loft', 'north'], confinement_demanded: false, consent: false, documentation_url: '',
      enforced: ['It reads and writes only its own folder.', 'It runs without rights of the system.'], not_enforced: ['It may reach any host of the network, not only api.pigeon.example.'],
      files: [{ path: 'pigeon.py', size: 14_210, sha256: hash('b2'), executable: true }, { path: 'lib/loft/north/homing_instinct_and_weather.py', size: 2_048, sha256: hash('c3'), executable: false }],
      id: 'pigeon', name: 'Carrier pigeon', path: 'incoming/pigeon', permissions: ['Reach api.pigeon.example', 'Keep files of its own'], problems: [], replaces: '', services: [], settings: [], sha256: hash('d4'), state: 'offered', version: '1.2.0', versions: [], ...more,
    });
    const approval = { at: '2026-11-20T09:12:00Z', by: 'ada', problem: '' };
    const used = bundle({ id: 'semaphore', name: 'Semaphore', state: 'in-use', path: '', accounts: ['tower-north', 'tower-south'], approved_at: approval.at, approved_by: 'ada', versions: [{ ...approval, version: '1.2.0', sha256: hash('d4') }, { ...approval, version: '1.1.0', sha256: hash('e5'), problem: 'It did not answer within 10 s.' }] });
    const broken = bundle({ id: '', name: '', state: 'broken', path: 'incoming/smoke-signals-of-the-north', sha256: '', command: [], files: [], problems: ['plugin.toml line 4: protocol = 7 is newer than this Guichet, which speaks 1.'], version: '' });
    await page.route('**/api/v1/plugins/bundles', (route) => route.fulfill({ json: { items: [bundle({ replaces: hash('f6') }), broken, used], next: '' } }));
    await to('/admin/plugins');
    await heading('admin.bundles.offered').waitFor();
    await gallery.show(page, 'bundles', { whole: true });
    for (const summary of await page.locator('.bundle summary').all()) await summary.click();
    await gallery.show(page, 'bundle', { whole: true, at: '.bundle' });
    await gallery.show(page, 'bundle broken', { at: '.bundle >> nth=1' });
    await gallery.show(page, 'bundle in use', { at: '.bundle >> nth=2' });
    await button('admin.bundle.approve.of', { name: 'Carrier pigeon' }).click();
    await page.getByRole('dialog').waitFor();
    await gallery.show(page, 'approve', { whole: true });
    const typed = page.getByLabel(say('admin.bundle.type', { id: 'pigeon' }));
    await typed.fill('pigeons');
    await inDialog('admin.bundle.approve').click();
    await page.getByText(say('admin.bundle.type-wrong', { id: 'pigeon' })).waitFor();
    await gallery.show(page, 'approve, wrong id');
    await refusing('**/api/v1/plugins/approvals', 'POST', `the bundle has the hash ${hash('77')}, not the one that was to be approved: it has changed`);
    await typed.fill('pigeon');
    await inDialog('admin.bundle.approve').click();
    await page.getByRole('dialog').getByRole('alert').waitFor();
    await gallery.show(page, 'approve, changed meanwhile', { whole: true });
    await page.unroute('**/api/v1/plugins/approvals');
    await page.route('**/api/v1/plugins/approvals', (route) => route.fulfill({ json: bundle({ state: 'approved' }) }));
    await inDialog('admin.bundle.approve').click();
    await page.getByText(say('admin.bundle.approved', { name: 'Carrier pigeon' })).waitFor();
    await gallery.show(page, 'approved');
    await button('admin.bundle.earlier.of', { version: '1.1.0' }).click();
    await page.getByRole('dialog').waitFor();
    await gallery.show(page, 'an earlier version again');
    await escaped();
    await button('admin.bundle.remove.of', { name: 'Semaphore' }).click();
    await page.getByRole('dialog').waitFor();
    await gallery.show(page, 'remove approval', { whole: true });
    await refusing('**/api/v1/plugins/approvals/*', 'DELETE', 'the plugin semaphore is used by the accounts tower-north, tower-south: remove them first');
    await inDialog('admin.bundle.remove').click();
    await page.getByRole('dialog').getByRole('alert').waitFor();
    await gallery.show(page, 'remove approval refused');
    await page.unrouteAll();
  });
});
