/** The chat of a visitor in every state, width, theme and language. */
import type { Frame, WebSocketRoute } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, test } from 'vitest';
import { context, open, type Browser, type BrowserContext, type Page } from './harness/browser';
import { homely } from './harness/checks';
import { Desk, ines } from './harness/desk';
import { Gallery } from './harness/gallery';
import { until } from './harness/people';
import { chat, inWords } from './harness/words';

type Told = { t: string } & Record<string, unknown>;
type Items<T> = { items: T[] };

let browser: Browser;
let desk: Desk;
let key: string; // of Inès

beforeAll(async () => {
  [browser, desk] = await Promise.all([open(), Desk.start()]);
  key = desk.key(ines);
});
afterAll(async () => {
  await browser?.close();
  await desk?.remove();
});

const image = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mOsr6//DwAFhAKAjM1mJgAAAABJRU5ErkJggg==', 'base64');

describe.each(['en', 'fr'] as const)('the chat, %s', (language) => {
  const say = inWords(chat, language);
  let where: BrowserContext;
  let page: Page;
  let gallery: Gallery;
  let atHome: () => void;
  let live: WebSocketRoute | undefined;
  let last = ''; // the position of the newest message
  /** alter changes what the server tells on its way to the visitor; undefined keeps it back. */
  let alter: (told: Told) => Told | undefined;
  /** refuse answers what the visitor says in place of the server. */
  let refuse: (said: Told) => Told | undefined;

  beforeAll(() => {
    gallery = new Gallery(language, 'chat', 'chat');
  });
  beforeEach(async () => {
    [alter, refuse] = [(told) => told, () => undefined];
    where = await context(browser, { language });
    await where.routeWebSocket(/\/channels\/site\/live/, (socket) => {
      live = socket;
      const server = socket.connectToServer();
      socket.onMessage((text) => {
        const answer = refuse(JSON.parse(String(text)) as Told);
        if (answer) socket.send(JSON.stringify(answer));
        else server.send(text);
      });
      server.onMessage((text) => {
        const told = alter(JSON.parse(String(text)) as Told);
        const newest = told && ((told['message'] as { position: string } | undefined) ?? (told['messages'] as { position: string }[] | undefined)?.at(-1));
        if (newest && newest.position > last) last = newest.position;
        if (told) socket.send(JSON.stringify(told));
      });
    });
    page = await where.newPage();
    atHome = homely(page, desk.url);
  });
  afterEach(async () => {
    atHome();
    await where.close();
    gallery.clean();
  });

  const tell = (told: Told) => live!.send(JSON.stringify(told));
  const panel = async (): Promise<Frame> => (await (await page.locator('iframe[src*="/chat/"]').elementHandle())!.contentFrame())!;
  const launcher = () => page.locator('button[aria-expanded]').last();
  const opened = async (): Promise<Frame> => {
    await page.goto(desk.url + '/demo');
    await launcher().click();
    const frame = await panel();
    await frame.locator('.w-f textarea').waitFor();
    return frame;
  };
  const write = async (frame: Frame, text: string) => {
    await frame.locator('.w-f textarea').fill(text);
    await frame.locator('.w-f textarea').press('Enter');
  };
  const accepted = async () => {
    await desk.ask(key, 'PUT', '/me/presence', { presence: 'available' });
    const [offer] = (await until(() => desk.ask<Items<{ id: string; conversation: string }>>(key, 'GET', '/offers'), ({ items }) => items.length > 0, 'an offer')).items;
    await desk.ask(key, 'POST', `/offers/${offer!.id}/accept`);
    await desk.ask(key, 'PUT', '/me/presence', { presence: 'offline' });
    return offer!.conversation;
  };

  test('a conversation from its beginning to its end', async () => {
    const frame = await opened();
    const show = (name: string, holds: string, whole = false) => gallery.show(page, name, { frame, holds, whole });
    await frame.getByText(say('away-now')).waitFor();
    await show('welcome', '.hello', true);

    await frame.locator('.w-f textarea').fill('Good morning,\nthe lid of my teapot arrived broken. Could you send me another one before Saturday? It is a present.\nHere is what it looks like.');
    await frame.locator('input[type=file]').setInputFiles([
      { name: 'couvercle-de-theiere-casse-vu-de-dessus-2026-11.png', mimeType: 'image/png', buffer: image },
      { name: 'facture.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.4 hello') },
    ]);
    await frame.locator('.w-files li').nth(1).waitFor();
    await until(() => frame.locator('.w-files progress').count(), (n) => n === 0, 'both files are uploaded');
    await show('writing', '.w-files', true);

    await frame.locator('.w-f textarea').press('Enter');
    await frame.locator('.ticket').waitFor();
    await frame.locator('.bm.me', { hasText: say('sent') }).waitFor();
    await show('in line', '.ticket', true);

    const conversation = await accepted();
    let count = 0;
    const answer = (text: string) => desk.ask(key, 'POST', `/conversations/${conversation}/messages`, { id: `a${++count}`, text });
    await answer('Bonjour! Of course. Is it the one of 38 cm, https://example.com/catalogue/vaisselle/gres/theieres?couleur=bleu-de-four&taille=grand&langue=fr&reference=TH-38-BF-2026#couvercle ?');
    await answer('Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft');
    await answer('يمكنك استلامه يوم السبت. 🙏🏽');
    await write(frame, 'Yes, that one.');
    await frame.locator('.b.th').nth(2).waitFor();
    await frame.locator('.b.me', { hasText: 'Yes, that one.' }).waitFor();
    await frame.locator('.bm.me', { hasText: say('sent') }).waitFor();
    await show('talking', '.b.th', true);
    await frame.locator('.w-log').evaluate(async (log) => {
      log.scrollTop = 0;
      await new Promise<void>((heard) => requestAnimationFrame(() => requestAnimationFrame(() => heard())));
    });
    tell({ t: 'message', message: { id: 'below', position: `${last}5`, conversation, client: '', from: { kind: 'agent', name: 'Inès' }, text: 'One moment, please.', at: new Date().toISOString() } });
    await frame.locator('.w-new').waitFor();
    await show('a message below', '.w-new');
    await frame.locator('.w-new').click();

    const from = { kind: 'agent', name: 'Inès' };
    tell({ t: 'message', message: { id: 'edited', position: `${last}6`, conversation, client: '', from, text: 'It leaves us on Thursday.', edited: true, at: new Date().toISOString() } });
    tell({ t: 'message', message: { id: 'deleted', position: `${last}7`, conversation, client: '', from, text: '', deleted: true, at: new Date().toISOString() } });
    tell({ t: 'message', message: { id: 'files', position: `${last}8`, conversation, client: '', from, text: '', attachments: ['fetching', 'gone', 'refused'].map((state) => ({ name: `bon-de-commande-${state}-2026-11-définitif.pdf`, type: 'application/pdf', size: 48_200, state })), at: new Date().toISOString() } });
    await frame.locator('.file').last().waitFor();
    tell({ t: 'typing', name: 'Inès', on: true });
    await frame.getByText(say('is-writing', { agent: 'Inès' })).waitFor();
    await show('typing, edited, deleted, files', '.b.del', true);

    refuse = (said) => (said.t === 'send' ? { t: 'refused', id: said['id'], code: 'too-long' } : undefined);
    await write(frame, 'This one is not taken.');
    await frame.locator('.bm.bad').waitFor();
    await show('refused', '.bm.bad', true);
    refuse = () => undefined;
    await frame.getByRole('button', { name: say('discard') }).click();

    await frame.getByRole('button', { name: say('more') }).click();
    await frame.getByRole('menu').waitFor();
    await show('menu', '[role=menu]', true);
    await frame.getByRole('menuitem', { name: say('end') }).click();
    await frame.locator('dialog[open]').waitFor();
    await show('asked before the end', 'dialog[open]', true);
    await frame.getByRole('button', { name: say('end-no') }).click();

    await where.setOffline(true);
    await write(frame, 'Written without a network.');
    await frame.getByText(say('waits-network')).waitFor();
    await frame.locator('.w-notice.bad span').waitFor();
    await show('offline', '.w-notice.bad', true);
    await where.setOffline(false);
    await frame.locator('.w-notice.bad').waitFor({ state: 'detached' });
    const kept = () => desk.ask<Items<{ text: string }>>(key, 'GET', `/conversations/${conversation}/messages?limit=100`);
    await until(kept, ({ items }) => items.some((m) => m.text === 'Written without a network.'), 'what was kept arrives');

    await desk.ask(key, 'POST', `/conversations/${conversation}/end`);
    await frame.getByRole('button', { name: say('new-conversation') }).waitFor();
    await show('ended', '.w-end', true);
    await frame.getByRole('button', { name: say('new-conversation') }).click();
    await frame.locator('.resume').waitFor();
    await show('welcome again', '.resume', true);
  });

  test('closed, and somebody at the counter', async () => {
    let availability: object = { open: false, agent: false, wait: 0, line: 0, opens_at: new Date(Date.now() + 40 * 3_600_000).toISOString() };
    alter = (told) => (told.t === 'welcome' ? { ...told, availability } : told);
    let frame = await opened();
    await frame.getByText(say('leave')).waitFor();
    await gallery.show(page, 'closed', { frame, whole: true });
    availability = { open: true, agent: true, wait: 240, line: 3, opens_at: '' };
    await page.reload();
    frame = await panel();
    await frame.getByText(say('at-counter', { count: 3 })).waitFor();
    await gallery.show(page, 'others before', { frame });
  });

  test('a launcher with news, and an invitation to write', async () => {
    await page.goto(desk.url + '/demo');
    await launcher().waitFor();
    await page.evaluate(() => (window as unknown as { Guichet: { startProactiveChat(options: { message: string }): void } }).Guichet.startProactiveChat({ message: 'Shall we help you choose a size? We have both here.' }));
    await page.locator('p[role=status]').last().waitFor();
    await gallery.show(page, 'invited to write');
  });

  test('without live connections', async () => {
    await where.routeWebSocket(/\/channels\/site\/live/, (socket) => socket.close({ code: 4999 }));
    const frame = await opened();
    await frame.getByText(say('polling')).waitFor({ timeout: 30_000 });
    await gallery.show(page, 'polling', { frame });
  });

  test('a chat that does not come', async () => {
    await page.route('**/chat/site/config', (route) => route.fulfill({ status: 404, body: '' }));
    await page.goto(desk.url + '/chat/site');
    await page.locator('.w-gone').waitFor();
    await page.getByText(say('gone')).waitFor();
    await gallery.show(page, 'not available');
    await page.unroute('**/chat/site/config');
    await page.route('**/chat/site/config', () => {});
    await page.goto(desk.url + '/chat/site');
    await page.locator('.w-gone').waitFor();
    await gallery.show(page, 'connecting');
  });
});
