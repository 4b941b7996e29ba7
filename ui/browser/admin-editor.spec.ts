/** An administrator adds accounts, changes them, goes back, and looks at plugins, with the real program underneath. */
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { context, open, signedIn, type Browser, type Page } from './harness/browser';
import { accessible, translated } from './harness/checks';
import { ada, Desk } from './harness/desk';
import { fits } from './harness/fits';
import { kept } from './harness/focus';
import { Line } from './harness/line';
import { until } from './harness/people';
import { spoken } from './harness/plugins';
import { faces, inWords } from './harness/words';

const say = inWords(faces, 'en');
const secret = '0123456789abcdef0123456789abcdef';

let browser: Browser;
let desk: Desk;
let line: Line;
let page: Page;
let file: string;

beforeAll(async () => {
  line = await Line.start();
  [browser, desk] = await Promise.all([open(), Desk.start({ more: '# kept as it is written\n[[workstream]]\nid = "spare"\n' })]);
  file = join(desk.folder, 'guichet.toml');
  page = await signedIn(await context(browser), desk, ada, '/admin/accounts');
});
afterAll(async () => {
  await browser?.close();
  await desk?.remove();
  line?.stop();
});
beforeEach(async () => {
  await page.setViewportSize({ width: 1440, height: 900 });
});

const button = (key: string, values = {}) => page.getByRole('button', { name: say(key, values), exact: true });
const next = () => button('admin.add.next').click();
const heading = (key: string) => page.getByRole('heading', { name: say(key), exact: true });
const text = () => readFileSync(file, 'utf8');

/** good checks a state as it stands, wide and on a phone. */
async function good(what: string): Promise<void> {
  for (const width of [1440, 1024, 390]) {
    await page.setViewportSize({ width, height: 900 });
    await fits(page, `${what}, ${width}`);
    if (width !== 1024) await accessible(page, `${what}, ${width}`);
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}

test('adds a web chat', async () => {
  await page.getByRole('link', { name: say('admin.add') }).click();
  await page.getByRole('button', { name: /^Web chat/ }).waitFor();
  await good('kinds of channels');
  await page.getByRole('button', { name: /^Web chat/ }).click();
  const name = page.getByLabel(say('admin.add.name'), { exact: true });
  await name.fill('Website');
  expect(await page.getByLabel(say('admin.add.id'), { exact: true }).inputValue(), 'site is taken, website is not').toBe('website');
  await name.fill('Site');
  expect(await page.getByLabel(say('admin.add.id'), { exact: true }).inputValue()).toBe('site-2');
  await name.fill('Second shop');
  await name.press('Enter');
  await heading('admin.add.channel').waitFor();
  expect((await kept(page, 'going on')).name).toBe(say('admin.add.channel'));
  await page.getByLabel(say('admin.add.language'), { exact: true }).fill('xx y');
  await next();
  await page.getByText(say('admin.problem.not-language', { given: 'xx y' })).waitFor(); // only the server knows
  expect((await kept(page, 'what the server found')).name).toBe(say('admin.add.language'));
  await page.getByLabel(say('admin.add.language'), { exact: true }).fill('en');
  await page.getByLabel(say('admin.add.queue'), { exact: true }).selectOption('');
  await next();
  await page.getByText(say('admin.add.members-needed')).waitFor();
  await page.getByLabel(say('admin.add.queue.name')).fill('Second shop');
  await page.getByRole('checkbox', { name: 'Inès Roux' }).check();
  await good('channel and workstream');
  await next();
  await page.locator('.dp', { hasText: 'id = "second-shop"' }).first().waitFor();
  await good('summary');
  const added = await page.locator('.dp').allTextContents();
  const before = text();
  await button('admin.add.save').click();
  await page.getByText(say('admin.account.snippet', { channel: 'second-shop' })).first().waitFor();
  const now = text();
  // What was shown is what came: taking it out of the file again gives the file as it was.
  const rest = now.split('\n');
  for (const one of added) rest.splice(rest.lastIndexOf(one.slice(2)), 1);
  expect(rest.filter((one) => one !== '').sort()).toEqual(before.split('\n').filter((one) => one !== '').sort());
  expect(now).toContain('# kept as it is written');
});

test('gives a chat its look, and shows it while it is typed', async () => {
  await page.goto(desk.url + '/app/admin/accounts/site');
  const look = page.locator('.look');
  await look.waitFor();
  expect(await page.locator('form').evaluate((form) => (form as HTMLElement).innerText), 'every field is called by words').not.toMatch(/widget\.|attachments\./);
  expect(await button('admin.edit.channel.add').count(), 'a web chat has one channel').toBe(0);
  const form = page.locator('form');
  const color = form.getByRole('textbox', { name: /^Colour/ });
  const ground = () => look.locator('.look-h').first().evaluate((e) => getComputedStyle(e).backgroundColor);
  await form.getByLabel(/^Title/).fill('Ask the atelier');
  await look.getByText('Ask the atelier').first().waitFor();
  await form.getByLabel(/^Title/).fill('');
  await look.getByText('Atelier Nour').first().waitFor(); // what the chat is called without a title
  await form.getByLabel(/^Subtitle/).fill('We answer within the hour');
  await look.getByText('We answer within the hour').first().waitFor();
  await color.fill('#ffee00');
  expect(await ground()).toBe('rgb(255, 238, 0)');
  await page.getByText(/so they are black/).waitFor();
  await page.getByText(/hard to see/).waitFor();
  await good('a colour that is hard to see');
  await color.fill('mauve');
  await button('admin.edit.review').click();
  await page.getByText(say('admin.form.bad-color')).waitFor();
  await page.getByRole('button', { name: say('admin.colour.clay'), exact: true }).click();
  expect([await ground(), await color.inputValue()]).toEqual(['rgb(143, 67, 38)', '#8f4326']);
  await page.getByText(/^White letters can be read/).waitFor();
  await form.getByLabel(say('admin.field.channel.widget.position')).selectOption({ label: say('admin.field.channel.widget.position.bottom-left') });
  await page.locator('.look-l').first().waitFor();
  await form.getByLabel(/^Language/).first().fill('fr');
  await form.getByText('French', { exact: true }).first().waitFor();
  await button('admin.form.element-add.of', { field: say('admin.field.channel.widget.domains') }).click();
  await page.getByLabel(say('admin.form.element', { field: say('admin.field.channel.widget.domains'), number: 1 })).fill('https://Shop.example.com/');
  await button('admin.edit.review').click();
  const problem = say('admin.problem.not-host', { given: 'https://Shop.example.com/' });
  await page.locator('.err', { hasText: problem }).waitFor();
  // The edit is refused; what it would change is there to see, with the problem at its line.
  await page.getByText(say('admin.edit.would'), { exact: true }).click();
  await page.locator('.would .dp', { hasText: 'Shop.example.com' }).waitFor();
  await page.locator('.would .dprob', { hasText: problem }).waitFor();
  await good('a look with a fault');
  await page.getByLabel(say('admin.form.element', { field: say('admin.field.channel.widget.domains'), number: 1 })).fill('shop.example.com');
  await button('admin.edit.review').click();
  await page.getByRole('dialog').locator('.dp', { hasText: 'color = "clay"' }).waitFor();
  await button('admin.edit.act.save').click();
  await page.getByText(say('admin.edit.done.save', { name: 'Website' })).waitFor();
  expect(text()).toContain('widget = { subtitle = "We answer within the hour", languages = ["en", "fr"], color = "clay", position = "bottom-left", domains = ["shop.example.com"] }');
  const shown = (await (await fetch(`${desk.url}/chat/site/config`)).json()) as Record<string, unknown>;
  expect(shown).toMatchObject({ title: 'Atelier Nour', color: '#8f4326', position: 'bottom-left', language: 'fr' });
});

test('asks before unsaved input is left', async () => {
  await page.goto(desk.url + '/app/admin/add-account');
  await page.getByRole('button', { name: /^LINE/ }).click();
  await page.getByRole('link', { name: say('admin.nav.plugins') }).click();
  await page.getByRole('dialog').waitFor();
  await accessible(page, 'the question');
  await button('admin.leave.stay').click();
  await page.getByLabel(say('admin.add.name'), { exact: true }).fill('Typed');
  await page.goBack(); // to the kinds: that is within
  await page.goForward();
  expect(await page.getByLabel(say('admin.add.name'), { exact: true }).inputValue()).toBe('Typed');
  await page.getByRole('link', { name: say('admin.nav.plugins') }).click();
  await button('admin.leave.act').click();
  await heading('admin.plugins').waitFor();
});

test('adds a LINE account, with its faults shown where they are', async () => {
  await page.goto(desk.url + '/app/admin/add-account');
  await page.getByRole('button', { name: /^LINE/ }).click();
  await page.getByLabel(say('admin.add.name'), { exact: true }).fill('Shop on LINE');
  await page.getByLabel(say('admin.add.test')).check();
  const consent = page.getByLabel(say('admin.add.consent.given', { provider: 'LINE' }));
  if (await consent.count()) await consent.check();
  await good('name and consent');
  await next();
  await heading('admin.add.step.settings').waitFor();
  await next();
  expect((await kept(page, 'a fault')).name, 'the first field with a fault').toMatch(/^Channel secret/);
  await page.getByLabel(/^Channel ID/).fill('1234567890');
  await page.getByLabel(/^Channel secret/).fill(secret);
  await page.getByLabel(/^Channel access token/).fill('token');
  await page.getByLabel(/^API base address/).fill('nowhere');
  await next();
  await page.getByText(say('admin.form.bad-url')).waitFor();
  await page.getByLabel(/^API base address/).fill(line.url);
  await page.getByLabel(/^Content base address/).fill(line.url);
  await good('credentials');
  await next();
  await page.locator('.checks').waitFor();
  await page.getByText(`${desk.url}/channels/shop-on-line/callback`).waitFor();
  await good('checks');
  await button('admin.add.step.settings').click();
  await page.getByText(say('admin.form.set')).first().waitFor();
  expect(await page.content(), 'a secret is not shown again').not.toContain(secret);
  expect(await page.getByLabel(/^Channel ID/).inputValue()).toBe('1234567890');
  await next();
  await page.locator('.checks').waitFor();
  const anyway = page.getByLabel(/^Go on although/);
  if (await anyway.count()) {
    await next();
    await page.getByText(say('admin.add.anyway-needed')).waitFor();
    await anyway.check();
  }
  await next();
  await page.getByLabel(say('admin.add.workstream.which')).selectOption('spare');
  await next();
  await page.locator('.dp', { hasText: 'stored = "shop-on-line-channel-secret' }).waitFor();
  await button('admin.add.save').click();
  await heading('admin.edit').waitFor();
  expect(text()).not.toContain(secret);
  await until(() => line.write(desk, 'shop-on-line', 'Hana', { type: 'text', text: 'Hello' }).then(() => true, () => false), (stored) => stored, 'what Hana writes should arrive through the new account');
});

test('shows what a colleague wrote about a customer before it is written over', async () => {
  const key = desk.key(ada);
  const conversations = await until(() => desk.ask<{ items: { id: string; account: string; contact: { id: string } }[] }>(key, 'GET', '/conversations?view=all'), (found) => found.items.some((c) => c.account === 'shop-on-line'), 'the conversation of Hana should be there');
  const { id, contact } = conversations.items.find((c) => c.account === 'shop-on-line')!;
  const other = await signedIn(await context(browser), desk, ada, `/conversations/${id}/customer`);
  await other.locator('.cust-h .ib').click();
  const dialog = other.getByRole('dialog');
  await dialog.getByRole('textbox', { name: say('workspace.customer.note') }).fill('Mine');
  await dialog.getByLabel(say('workspace.customer.email')).fill('hana@example.com');
  await desk.ask(key, 'PATCH', `/contacts/${contact.id}`, { note: 'Theirs', company: 'Hana & Co' });
  await dialog.getByRole('button', { name: say('common.save') }).press('Enter');
  await dialog.getByText(say('workspace.customer.meanwhile')).waitFor();
  await dialog.getByText('Theirs', { exact: true }).waitFor();
  expect(await dialog.getByRole('textbox', { name: say('workspace.customer.note') }).inputValue(), 'what was typed stays').toBe('Mine');
  expect(await dialog.getByLabel(say('workspace.customer.company')).inputValue(), 'what was not typed is theirs').toBe('Hana & Co');
  expect((await kept(other, 'what a colleague changed')).name).toBe(say('workspace.customer.take-theirs.of', { field: say('workspace.customer.note') }));
  for (const width of [1440, 390]) {
    await other.setViewportSize({ width, height: 900 });
    await accessible(other, `a colleague's change, ${width}`);
    await fits(other, `a colleague's change, ${width}`);
  }
  await dialog.getByRole('button', { name: say('workspace.customer.take-theirs.of', { field: say('workspace.customer.note') }) }).press('Enter');
  expect(await dialog.getByRole('textbox', { name: say('workspace.customer.note') }).inputValue()).toBe('Theirs');
  expect((await kept(other, 'what was taken')).name).toBe(say('common.save'));
  await dialog.getByRole('button', { name: say('common.save') }).click();
  await dialog.waitFor({ state: 'detached' });
  expect(await desk.ask(key, 'GET', `/contacts/${contact.id}`)).toMatchObject({ note: 'Theirs', company: 'Hana & Co', email: 'hana@example.com' });
  await other.context().close();
});

test('adds and removes channels where they have addresses', async () => {
  // No plugin of ours has several channels an account: the answers about LINE are made to look as if it had, and what is sent is looked at.
  const other = await signedIn(await context(browser), desk, ada, '/');
  const number = { key: 'number', kind: 'string', title: 'Phone number', help: 'With its country.', required: true, secret: false, test_only: false, default: '', options: [], pattern: '', group: '', show_if: '' };
  await other.route('**/api/v1/plugins/line/schema', async (route) => {
    const answer = (await (await route.fetch()).json()) as object;
    await route.fulfill({ json: { ...answer, address: [number] } });
  });
  await other.route('**/api/v1/configuration/objects/channel*', async (route) => {
    type Objects = { items: { id: string; fields: object[] }[]; blank: { fields: object[] } };
    const answer = (await (await route.fetch()).json()) as Objects;
    const field = { ...number, path: 'address.number', min: '', max: '', default: null, written: false, line: 0, value: null, reference: null, items: [], mark: '' };
    const items = answer.items.map((one) => (one.id === 'shop-on-line' ? { ...one, fields: [...one.fields, { ...field, written: true, value: '+81 1' }] } : one));
    await route.fulfill({ json: { ...answer, items, blank: { ...answer.blank, fields: [...answer.blank.fields, field] } } });
  });
  const sent: { changes: unknown[] }[] = [];
  await other.route('**/api/v1/configuration', async (route) => {
    if (route.request().method() !== 'PATCH') return route.continue();
    sent.push(route.request().postDataJSON() as { changes: unknown[] });
    await route.fulfill({ json: { applied: false, revision: 1, base: '', diff: '--- a\n+++ b\n@@ -1 +1,2 @@\n a\n+[[channel]]\n', problems: [] } });
  });
  await other.goto(desk.url + '/app/admin/accounts/shop-on-line');
  const press = (key: string, values = {}) => other.getByRole('button', { name: say(key, values), exact: true }).click();
  await press('admin.edit.channel.add');
  const added = other.getByRole('group', { name: say('admin.edit.channel.new'), exact: true });
  expect(await added.getByLabel(say('admin.add.channel.id')).inputValue()).toBe('shop-on-line-2');
  expect((await kept(other, 'adding a channel')).name).toBe(say('admin.add.channel.id'));
  await press('admin.edit.review');
  await added.getByText(say('common.required')).waitFor();
  await added.getByLabel(/^Phone number/).fill('+81 2');
  for (const width of [1440, 390]) {
    await other.setViewportSize({ width, height: 900 });
    await accessible(other, `a second channel, ${width}`);
    await fits(other, `a second channel, ${width}`);
  }
  await press('admin.edit.review');
  await other.getByRole('dialog').locator('.dp', { hasText: '[[channel]]' }).waitFor();
  expect(sent.at(-1)!.changes).toEqual([{ op: 'add', object: 'channel', id: 'shop-on-line-2', value: { account: 'shop-on-line', workstream: 'spare', address: { number: '+81 2' } } }]);
  await press('common.cancel');
  await press('admin.edit.channel.drop.of', { channel: 'shop-on-line' });
  await other.getByText(say('admin.edit.channel.leaves')).waitFor();
  await press('admin.edit.review');
  await other.getByRole('dialog').waitFor();
  expect(sent.at(-1)!.changes[0]).toEqual({ op: 'remove', object: 'channel', id: 'shop-on-line' });
  await press('common.cancel');
  await press('admin.edit.channel.keep.of', { channel: 'shop-on-line' });
  await press('admin.edit.channel.not-new');
  expect(await other.getByRole('button', { name: say('admin.edit.channel.drop.of', { channel: 'shop-on-line' }) }).count(), 'the only channel stays').toBe(0);
  await other.context().close();
});

test('asks for every kind of setting, and for consent', async () => {
  const other = await signedIn(await context(browser), desk, ada, '/');
  const setting = (key: string, kind: string, more = {}) => ({ key, kind, title: `A ${kind}`, help: `Help of ${key}.`, required: false, secret: kind === 'secret', test_only: false, default: '', options: [], pattern: '', group: 'All', show_if: '', ...more });
  await other.route('**/api/v1/plugin-schemas', async (route) => {
    const answer = (await (await route.fetch()).json()) as { items: { plugin: string }[] };
    const settings = [...['string', 'text', 'secret', 'int', 'bool', 'duration', 'url', 'email', 'list', 'file'].map((kind) => setting(kind, kind)), setting('select', 'select', { options: ['one', 'two'], default: 'one' }), setting('hidden', 'string', { title: 'Only for two', show_if: 'select=two' }), setting('keys', 'list', { title: 'Some keys', secret: true })];
    await route.fulfill({ json: { ...answer, items: answer.items.map((one) => (one.plugin === 'line' ? { ...one, settings, consent: true, retirement_notice: 'It ends on 31 July.' } : one)) } });
  });
  await other.goto(desk.url + '/app/admin/add-account');
  await other.getByText('It ends on 31 July.').waitFor();
  await other.getByText(say('admin.add.asks-consent')).waitFor();
  await other.getByRole('button', { name: /^LINE/ }).click();
  const go = () => other.getByRole('button', { name: say('admin.add.next'), exact: true }).click();
  await go();
  await other.getByText(say('admin.add.consent-needed')).waitFor();
  await accessible(other, 'consent');
  await other.getByLabel(say('admin.add.consent.given', { provider: 'LINE' })).check();
  await go();
  await other.getByLabel(/^A select/).waitFor();
  expect(await other.getByLabel(/^Only for two/).count()).toBe(0);
  await other.getByLabel(/^A select/).selectOption('two');
  await other.getByLabel(/^Only for two/).waitFor();
  await other.getByLabel(/^A int/).fill('many');
  await other.getByLabel(/^A duration/).fill('a while');
  await other.getByRole('button', { name: say('admin.form.element-add.of', { field: 'Some keys' }) }).click();
  expect((await kept(other, 'adding to a list')).name).toBe(say('admin.form.element', { field: 'Some keys', number: 1 }));
  const chosen = other.waitForEvent('filechooser');
  await other.getByRole('button', { name: say('admin.form.file-choose.of', { field: 'A file' }) }).click();
  await (await chosen).setFiles({ name: 'key.json', mimeType: 'application/json', buffer: Buffer.from('{"a": 1}') });
  await other.getByText(say('admin.form.file-chosen', { name: 'key.json' })).waitFor();
  await go();
  await other.getByText(say('admin.form.bad-int')).waitFor();
  await other.getByText(say('admin.form.bad-duration')).waitFor();
  for (const width of [1440, 390]) {
    await other.setViewportSize({ width, height: 900 });
    await accessible(other, `every kind of setting, ${width}`);
    await fits(other, `every kind of setting, ${width}`);
  }
  if (process.env.GUICHET_SHOTS) await other.screenshot({ path: join(process.env.GUICHET_SHOTS, 'every-kind.png'), fullPage: true });
  await other.context().close();
});

test('changes an account, beside somebody else who changes the file', async () => {
  const name = page.locator('form').getByLabel(/^Name/);
  await name.fill('LINE, Osaka');
  await good('settings of an account');
  await button('admin.edit.review').click();
  await page.getByRole('dialog').locator('.dp', { hasText: 'name = "LINE, Osaka"' }).waitFor();
  await accessible(page, 'what will change');
  writeFileSync(file, text() + '\n# from the disk\n');
  await button('admin.edit.act.save').click();
  await page.locator('.dp', { hasText: '# from the disk' }).waitFor();
  await good('a conflict');
  expect(text()).not.toContain('Osaka');
  await button('admin.conflict.again').click();
  await button('admin.edit.act.save').click();
  await page.getByRole('heading', { name: 'LINE, Osaka', level: 1 }).waitFor();
  expect(text()).toContain('name = "LINE, Osaka"');
  expect(text()).toContain('# from the disk');
});

test('removes nothing that an open conversation needs, and offers to retire it', async () => {
  await button('admin.edit.act.remove').click();
  await page.getByText(say('admin.needed', { count: 1 })).waitFor();
  expect(await page.getByRole('link', { name: say('admin.needed.conversation', { number: 1 }) }).getAttribute('href')).toMatch(/\/conversations\/[0-9A-Z]{26}$/);
  await good('needed');
  await button('admin.edit.act.retire').click();
  await page.getByRole('dialog').locator('.dp', { hasText: 'retired = true' }).waitFor();
  await page.getByRole('dialog').getByRole('button', { name: say('admin.edit.act.retire') }).click();
  await button('admin.edit.act.take-back').waitFor();
  expect(text()).toContain('retired = true');
});

test('switches an account off and on, and removes it', async () => {
  await page.goto(desk.url + '/app/admin/accounts/second-shop');
  for (const [act, back] of [['switch-off', 'switch-on'], ['switch-on', 'switch-off']] as const) {
    await button(`admin.edit.act.${act}`).click();
    await page.getByRole('dialog').getByRole('button', { name: say(`admin.edit.act.${act}`) }).click();
    await button(`admin.edit.act.${back}`).waitFor();
  }
  await button('admin.edit.act.remove').click();
  // The workstream and the queue that came with it are used by nothing else: they may go with it.
  const dialog = page.getByRole('dialog');
  const [workstream, queue] = [dialog.getByLabel(say('admin.edit.also.workstream', { workstream: 'second-shop' })), dialog.getByLabel(say('admin.edit.also.queue', { queue: 'second-shop' }))];
  await dialog.locator('.dm', { hasText: '[[workstream]]' }).waitFor();
  expect([await workstream.isChecked(), await queue.isChecked(), await dialog.locator('.dm', { hasText: '[[queue]]' }).count()]).toEqual([true, false, 0]);
  await queue.check();
  await dialog.locator('.dm', { hasText: '[[queue]]' }).waitFor();
  await workstream.uncheck();
  await dialog.locator('.dm', { hasText: '[[workstream]]' }).waitFor({ state: 'detached' });
  expect([await queue.isChecked(), await queue.isDisabled()], 'a queue that a workstream names stays').toEqual([false, true]);
  await workstream.check();
  await queue.check();
  await dialog.locator('.dm', { hasText: '[[queue]]' }).waitFor();
  await good('what goes with an account');
  await dialog.getByRole('button', { name: say('admin.edit.act.remove') }).click();
  await page.getByText(say('admin.edit.removed', { name: 'Second shop' })).waitFor();
  await heading('admin.accounts').waitFor();
  expect(text()).not.toContain('second-shop');
});

test('goes back to an earlier version', async () => {
  await page.getByRole('link', { name: say('admin.nav.configuration') }).click();
  await page.getByRole('link', { name: say('admin.versions.all') }).click();
  await page.locator('.ver').nth(1).waitFor();
  await good('versions');
  await page.locator('.ver').nth(1).click(); // the one before: the second shop was there
  await page.locator('.diff').nth(1).waitFor();
  await good('a version');
  await button('admin.version.act').click();
  await page.getByRole('dialog').locator('.dp', { hasText: 'name = "Second shop"' }).first().waitFor(); // the account, and the queue that went with it
  await accessible(page, 'going back');
  await page.getByRole('dialog').getByRole('button', { name: say('admin.version.act') }).click();
  await heading('admin.configuration').waitFor();
  expect(text()).toContain('name = "Second shop"');
  await heading('admin.secrets').waitFor();
  await good('configuration');
});

test('says why a read-only file cannot be edited', async () => {
  chmodSync(file, 0o444);
  try {
    await page.goto(desk.url + '/app/admin/accounts/site');
    await page.getByText(say('admin.readonly')).waitFor();
    await page.getByText(/guichet\.toml is read-only/).waitFor();
    expect(await page.locator('form').getByLabel(/^Name/).isDisabled()).toBe(true);
    expect(await button('admin.edit.review').count()).toBe(0);
    await good('read-only');
  } finally {
    chmodSync(file, 0o644);
  }
});

test('shows a plugin, its log, and starts it again', async () => {
  await page.goto(desk.url + '/app/admin/plugins');
  await page.getByRole('link', { name: 'LINE', exact: true }).click();
  await page.getByRole('rowheader', { name: 'HandleHTTP' }).waitFor();
  await button('admin.log.open').click();
  await page.getByRole('log').waitFor();
  await good('a plugin');
  const since = (await desk.ask<{ items: { name: string; since: string }[] }>(desk.key(ada), 'GET', '/plugins')).items.find((p) => p.name === 'line')!.since;
  await button('admin.restart').click();
  await accessible(page, 'the question of restarting');
  await page.getByRole('dialog').getByRole('button', { name: say('admin.restart') }).click();
  await page.getByText(say('admin.restart.done')).waitFor({ timeout: 30_000 });
  expect((await desk.ask<{ items: { name: string; since: string }[] }>(desk.key(ada), 'GET', '/plugins')).items.find((p) => p.name === 'line')!.since).not.toBe(since);
});

test('follows a log, and stands still while somebody reads further up', async () => {
  let told = 200;
  await page.route('**/api/v1/plugins/line/log*', (route) => {
    const after = Number(new URL(route.request().url()).searchParams.get('after'));
    const items = Array.from({ length: Math.max(0, told - after) }, (_, i) => ({ number: after + i + 1, at: '2026-11-21T10:00:00Z', text: `said ${after + i + 1}` }));
    return route.fulfill({ json: { items, next: Math.max(after, told) } });
  });
  await page.goto(desk.url + '/app/admin/plugins/line');
  await button('admin.log.open').click();
  const log = page.getByRole('log');
  await log.getByText('said 200', { exact: true }).waitFor();
  const atEnd = () => log.evaluate((e) => e.scrollHeight - e.scrollTop - e.clientHeight < 24);
  await until(atEnd, (end) => end, 'the last line should be in sight');
  await log.evaluate((e) => (e.scrollTop = 0));
  await button('admin.log.follow', { count: 0 }).waitFor();
  told = 203;
  await button('admin.log.follow', { count: 3 }).waitFor();
  expect(await log.getByText('said 203', { exact: true }).count()).toBe(0);
  await good('a log that stands still');
  await button('admin.log.follow', { count: 3 }).click();
  await log.getByText('said 203', { exact: true }).waitFor();
  await until(atEnd, (end) => end, 'the log should be followed again');
  await page.getByLabel(say('admin.log.find')).fill('SAID 20');
  expect(await log.locator('.logl').count()).toBe(5); // 20, 200 to 203
  const download = page.waitForEvent('download');
  await button('admin.log.download').click();
  expect(readFileSync(await (await download).path(), 'utf8').split('\n')[0]).toBe('2026-11-21T10:00:00Z said 20');
  await page.unroute('**/api/v1/plugins/line/log*');
});

test('approves a bundle by its id, and removes it', async () => {
  const folder = join(desk.folder, 'data', 'plugins', 'incoming', 'pigeon');
  mkdirSync(folder, { recursive: true });
  const program = '#!/bin/sh\nexit 1\n';
  writeFileSync(join(folder, 'pigeon.sh'), program, { mode: 0o755 });
  const hash = createHash('sha256').update(program).digest('hex');
  writeFileSync(join(folder, 'plugin.toml'), `id = "pigeon"\nname = "Carrier pigeon"\nversion = "1"\nprotocol = 1\n\n[command]\nfile = "pigeon.sh"\n\n[[file]]\npath = "pigeon.sh"\nsha256 = "${hash}"\nexecutable = true\n`);
  await page.goto(desk.url + '/app/admin/plugins');
  await heading('admin.bundles.offered').waitFor();
  await page.getByText(say('admin.bundle.files', { count: 1 })).click();
  await page.getByText(hash).waitFor();
  await good('a bundle');
  await button('admin.bundle.approve.of', { name: 'Carrier pigeon' }).click();
  const typed = page.getByLabel(say('admin.bundle.type', { id: 'pigeon' }));
  await typed.fill('pigeons');
  await page.getByRole('dialog').getByRole('button', { name: say('admin.bundle.approve') }).click();
  await page.getByText(say('admin.bundle.type-wrong', { id: 'pigeon' })).waitFor();
  await accessible(page, 'approving');
  await typed.fill('pigeon');
  await page.getByRole('dialog').getByRole('button', { name: say('admin.bundle.approve') }).click();
  await button('admin.bundle.remove.of', { name: 'Carrier pigeon' }).click();
  await page.getByRole('dialog').getByRole('button', { name: say('admin.bundle.remove') }).click();
  await page.getByText(say('admin.bundle.removed', { name: 'Carrier pigeon' })).waitFor();
});

test('follows a change of language while an account is added, and keeps what was typed', async () => {
  const where = await context(browser);
  const other = await signedIn(where, desk, ada, '/admin/add-account');
  const dire = inWords(faces, 'fr');
  await other.getByRole('button', { name: /^Telegram/ }).click();
  await other.getByRole('button', { name: say('admin.add.next'), exact: true }).click();
  await other.getByLabel(/^Bot token/).fill('123456789:AAE');
  await other.getByLabel('How messages arrive').selectOption('webhook');
  await other.locator('.rb.me').click();
  await other.getByRole('menuitem', { name: say('common.me.settings') }).click();
  await other.getByRole('dialog').locator('label', { hasText: say('common.language') }).locator('select').selectOption('fr');
  await other.keyboard.press('Escape');
  await other.getByRole('dialog').waitFor({ state: 'detached' });
  expect(await other.getByLabel(/^Jeton du bot/).inputValue()).toBe('123456789:AAE');
  await other.getByText(/il est alors tiré du jeton du bot/).waitFor();
  expect(await other.getByLabel('Arrivée des messages').inputValue()).toBe('webhook');
  expect(await other.locator('form').textContent()).not.toContain('Bot token');
  await other.getByRole('button', { name: dire('admin.add.step.name'), exact: true }).waitFor();
  other.on('dialog', (dialog) => void dialog.accept()); // unsaved input is left
  await where.close();
});

test('speaks French, in the dark, on a phone', async () => {
  const where = await context(browser, { language: 'fr', theme: 'dark', width: 390 });
  const french = await signedIn(where, desk, ada, '/admin/add-account');
  const dire = inWords(faces, 'fr');
  const plugins = await spoken(french, desk.url);
  const [english, ours] = [{ ...faces.en, ...plugins.en }, { ...faces.fr, ...plugins.fr }];
  const seen = async (what: string) => {
    await translated(french, what, english, ours);
    await accessible(french, `${what}, French, dark`);
    await fits(french, `${what}, French`);
  };
  const suivant = () => french.getByRole('button', { name: dire('admin.add.next'), exact: true }).click();
  await french.getByRole('button', { name: /^Telegram/ }).click();
  await french.getByLabel(dire('admin.add.name'), { exact: true }).waitFor();
  await seen('name');
  await suivant();
  await french.getByRole('heading', { name: dire('admin.add.step.settings'), exact: true }).waitFor();
  await suivant();
  await french.getByText(dire('common.required')).first().waitFor();
  await french.getByLabel('Arrivée des messages').selectOption({ label: 'Être appelé par Telegram (webhook)' });
  await french.getByText(/il est alors tiré du jeton du bot/).waitFor();
  await seen('credentials');
  french.on('dialog', (dialog) => void dialog.accept()); // the browser asks as well
  await french.goto(desk.url + '/app/admin/add-account');
  await french.getByRole('button', { name: /^LINE/ }).click();
  await french.getByLabel(dire('admin.add.test')).check();
  const consent = french.getByLabel(dire('admin.add.consent.given', { provider: 'LINE' }));
  if (await consent.count()) await consent.check();
  await suivant();
  await french.getByLabel('Channel ID').fill('1234567890');
  await french.getByLabel(/^Channel secret(?! précédent)/).fill(secret);
  await french.getByLabel(/^Jeton d’accès du canal/).fill('token');
  await french.getByLabel(/^Adresse de base de l’API/).fill(line.url);
  await seen('credentials of LINE');
  await suivant();
  const checks = french.locator('.checks');
  await checks.getByText('Quota du mois').waitFor();
  const said = await checks.textContent();
  for (const text of [/Le jeton appartient au canal .*, et non à 1234567890\./, 'Prenez l’ID, le secret et le jeton d’un seul et même canal.', 'S’il est déjà activé, il n’y a rien à faire.']) expect(said).toMatch(text);
  expect(said).not.toMatch(/LINE answered|The token|has to be right|switch/i);
  await french.getByText(/^Collez cette adresse dans la console LINE Developers/).waitFor();
  await seen('checks of LINE');
  await french.goto(desk.url + '/app/admin/accounts/site');
  await french.locator('.look').waitFor();
  await french.getByLabel(new RegExp(`^${dire('admin.field.channel.language')}`)).first().fill('xx y');
  await french.getByRole('button', { name: dire('admin.edit.review'), exact: true }).click();
  await french.locator('.err', { hasText: dire('admin.problem.not-language', { given: 'xx y' }) }).waitFor(); // the server's finding, in French
  await seen('a finding of the server');
  for (const [path, ready] of [['/admin/accounts/site', '#edit-title'], ['/admin/plugins/line', '.calls'], ['/admin/configuration/versions', '.ver'], ['/admin/configuration/versions/2', '.diff'], ['/admin/plugins', '.bundle']] as const) {
    await french.goto(desk.url + '/app' + path);
    await french.locator(ready).first().waitFor();
    await seen(path);
  }
  await where.close();
});
