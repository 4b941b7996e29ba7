/** The workspace in every state, width, theme and language. */
import { afterAll, afterEach, beforeAll, describe, test } from 'vitest';
import { context, open, signedIn, type Browser, type BrowserContext, type Page } from './harness/browser';
import { homely } from './harness/checks';
import { ada, Desk, ines, karim, tomas, type Person } from './harness/desk';
import { Gallery } from './harness/gallery';
import { Line, refusedText } from './harness/line';
import { until } from './harness/people';
import { faces, inWords } from './harness/words';

const lea: Person = { id: 'lea', email: 'lea@example.com', name: 'Léa Moreau', role: 'agent' };

let browser: Browser;
let desk: Desk;
let line: Line;
let key: string; // of Inès
let full: string; // the conversation in which everything has been said
let ended: string;

type Items<T> = { items: T[] };
interface Offer {
  id: string;
  conversation: string;
}

/** accepted takes every conversation that is offered to somebody, and returns the last one. */
async function accepted(who: string): Promise<string> {
  const [offer] = (await until(() => desk.ask<Items<Offer>>(who, 'GET', '/offers'), ({ items }) => items.length > 0, 'an offer')).items;
  await desk.ask(who, 'POST', `/offers/${offer!.id}/accept`);
  return offer!.conversation;
}

const configured = () => `
${line.account('shop-line', 'messages')}
${line.account('quick-line', 'quick')}
[[workstream]]
id = "messages"
fallback_queue = "studio"
[[workstream]]
id = "quick"
offer_timeout = "15s"
fallback_queue = "repairs"
[[queue]]
id = "studio"
name = "Commissions and repairs of the studio"
members = ["ines"]
[[queue]]
id = "repairs"
name = "Repairs"
members = ["tomas"]
`;

beforeAll(async () => {
  line = await Line.start();
  [browser, desk] = await Promise.all([open(), Desk.start({ people: [ines, tomas, lea, karim, ada], more: configured() })]);
  key = desk.key(ines);
  await desk.ask(key, 'PUT', '/me/presence', { presence: 'available' });
  const says = (name: string, text: string) => line.write(desk, 'shop-line', name, { type: 'text', text });

  await says('Ahmed', 'Merci, à bientôt.');
  ended = await accepted(key);
  await desk.ask(key, 'POST', `/conversations/${ended}/end`);
  await desk.ask(desk.key(karim), 'POST', `/conversations/${ended}/close`).catch(() => {});

  const leila = 'Leïla Benali-Castellanos de la Fuente';
  await says(leila, 'Bonjour, le grand plat ovale supporte-t-il le four ?');
  full = await accepted(key);
  await line.write(desk, 'shop-line', leila, { type: 'image' });
  await line.write(desk, 'shop-line', leila, { type: 'image' }, 'gone');
  await line.write(desk, 'shop-line', leila, { type: 'file', fileName: 'bon-de-commande-2026-11-définitif-signé.pdf' }, 'fetching');
  await line.write(desk, 'shop-line', leila, { type: 'location', title: 'Atelier Nour', address: '12 rue des Tables Claudiennes, 69001 Lyon' });
  await line.write(desk, 'shop-line', leila, { type: 'sticker', keywords: ['happy', 'thanks'] });
  await says(leila, 'https://example.com/catalogue/vaisselle/gres/plats-ovales?couleur=bleu-de-four&taille=grand&langue=fr&reference=PLT-OV-38-BF-2026#entretien');
  await says(leila, 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft' + 'o'.repeat(80));
  await says(leila, 'مرحبا، هل يمكن وضع الطبق في الفرن؟ المرجع PLT-38.');
  await says(leila, '🙏🏽');
  const gone = await says(leila, 'Oubliez cela');
  await line.unsend(desk, 'shop-line', leila, gone);
  const answer = (id: string, text: string, visibility = 'public') => desk.ask(key, 'POST', `/conversations/${full}/messages`, { id, text, visibility });
  await answer('a', 'Bonjour Leïla, oui : jusqu’à 220 °C, si on le laisse chauffer avec le four.');
  await answer('b', 'She asked twice last month, too. Be quick.', 'internal');
  await answer('c', refusedText);
  await desk.ask(key, 'PUT', `/conversations/${full}/variables`, { variables: { order: 'FR-2026-004711', total: 128.5, 'a_rather_long_name_of_a_variable': 'and a rather long value that has to break somewhere' } });
  const { contact } = await desk.ask<{ contact: { id: string } }>(key, 'GET', `/conversations/${full}`);
  await desk.ask(key, 'PATCH', `/contacts/${contact.id}`, { email: 'leila.benali.castellanos@example-of-a-long-domain.com', phone: '+33612345678', company: 'Épicerie Benali & Filles', language: 'fr', note: 'Prefers to be called in the afternoon.' });
  await desk.ask(key, 'POST', '/contacts', { name: 'Leïla B.', email: 'leila.benali.castellanos@example-of-a-long-domain.com' });

  // Nine more are hers, the rest waits.
  for (let i = 1; i <= 14; i++) {
    await says(`${['Mina Okafor', 'Jörg Müller', 'Sofía Hernández', 'Bo', 'Anne-Charlotte Vandenbroucke'][i % 5]} ${i}`, ['Where is my order?', 'The lid arrived broken, can you send another one before Friday? It is a present.', '¿Hacen envíos a Madrid?', 'ok', 'مرحبا'][i % 5]!);
    if (i <= 9) await accepted(key);
  }
});
afterAll(async () => {
  await browser?.close();
  await desk?.remove();
  line?.stop();
});

describe.each(['en', 'fr'] as const)('the workspace, %s', (language) => {
  const say = inWords(faces, language);
  let where: BrowserContext;
  let page: Page;
  let gallery: Gallery;
  let atHome: () => void;

  beforeAll(async () => {
    where = await context(browser, { language });
    page = await signedIn(where, desk, ines);
    atHome = homely(page, desk.url);
    gallery = new Gallery(language, 'workspace');
  });
  afterEach(() => gallery.clean());
  afterAll(async () => {
    atHome?.();
    await where?.close();
  });

  const problem = (status: number, code: string) => ({ status, contentType: 'application/problem+json', body: JSON.stringify({ code, status, title: code }) });
  const thread = () => page.locator('#thread .m').first();
  const to = async (path = `/conversations/${full}`) => {
    await page.goto(`${desk.url}/app${path}`);
    await page.locator('.list .live:not(.off)').waitFor({ state: 'attached' });
  };
  const away = async () => {
    await page.keyboard.press('Escape');
    await page.locator('[role="dialog"], [role="menu"]').waitFor({ state: 'detached' });
  };

  test('nothing yet', async () => {
    const other = await context(browser, { language });
    const theirs = await signedIn(other, desk, lea);
    await theirs.getByText(say('workspace.list.empty.mine')).waitFor();
    await gallery.show(theirs, 'empty', { whole: true });
    await theirs.locator('#view-waiting').click();
    await gallery.show(theirs, 'empty waiting');
    await theirs.locator('#view-closed').click();
    await gallery.show(theirs, 'empty closed');
    await other.close();
  });

  test('the list', async () => {
    await page.locator('.cr').nth(5).waitFor();
    await gallery.show(page, 'list', { whole: true });
    await page.locator('.find input').fill('zzzz');
    await page.getByText(say('workspace.list.none-found')).waitFor();
    await gallery.show(page, 'list nothing found');
    await page.locator('.find input').fill('');
    await page.locator('#view-closed').click();
    await page.locator('.cr').first().waitFor();
    await gallery.show(page, 'list closed');

    await page.route('**/api/v1/conversations?*', (route) => route.fulfill(problem(500, 'internal')));
    await to('/');
    await page.locator('#view-closed').click();
    await page.getByText(say('workspace.list.failed')).waitFor();
    await gallery.show(page, 'list failed', { whole: true });
    await page.unroute('**/api/v1/conversations?*');
    await page.route('**/api/v1/conversations?*', () => {});
    await to('/');
    await page.locator('#view-closed').click();
    await page.locator('.sk').first().waitFor();
    await gallery.show(page, 'list loading');
    await page.unroute('**/api/v1/conversations?*');
  });

  test('a conversation', async () => {
    const beside = await context(browser, { language });
    await to();
    await thread().waitFor();
    await page.locator('.fail').waitFor();
    const theirs = await signedIn(beside, desk, karim, `/conversations/${full}`);
    await page.locator('.conv-h .viewers').waitFor({ state: 'attached' });
    await gallery.show(page, 'conversation', { whole: true, holds: '.fail' });
    await theirs.locator('.cust dl').first().waitFor();
    await gallery.show(theirs, 'conversation of a supervisor', { whole: true });
    await beside.close();
    await page.locator('#thread').evaluate((log) => (log.scrollTop = 0));
    await gallery.show(page, 'conversation above');
  });

  test('its customer', async () => {
    await to(`/conversations/${full}/customer`);
    await page.locator('.cust dl').first().waitFor();
    for (const part of await page.locator('.cust details:not([open]) > summary').all()) await part.click();
    await gallery.show(page, 'customer', { whole: true });
    await page.setViewportSize({ width: 1440, height: 2400 });
    await page.locator('.side').evaluate((side) => side.querySelector('.cust')?.scrollTo(0, 4000));
    await gallery.show(page, 'customer below');
    await page.locator('.cust-h .ib').click();
    await page.getByRole('dialog').waitFor();
    await gallery.show(page, 'contact dialog', { whole: true, holds: '[role=dialog]' });
    await page.getByRole('dialog').locator('input[type=email]').fill('nonsense');
    await page.getByRole('dialog').locator('.btn-p').click();
    await gallery.show(page, 'contact dialog with a fault');
    await away();
    await page.getByRole('button', { name: say('workspace.customer.who-else') }).click();
    await page.getByRole('dialog').locator('input').fill('le');
    await page.getByRole('dialog').locator('.found li').first().waitFor();
    await gallery.show(page, 'link dialog', { whole: true });
    await page.getByRole('dialog').locator('input').fill('zzzz');
    await page.getByText(say('workspace.customer.none-found')).waitFor();
    await gallery.show(page, 'link dialog nothing found');
    await away();
    await page.route('**/api/v1/contacts/*', (route) => route.fulfill(problem(500, 'internal')));
    await to(`/conversations/${full}/customer`);
    await page.locator('.cust-e').waitFor();
    await gallery.show(page, 'customer failed');
    await page.unroute('**/api/v1/contacts/*');
  });

  test('messages in every state', async () => {
    await page.route('**/messages?*', async (route) => {
      const answer = await route.fetch();
      const body = (await answer.json()) as Items<Record<string, unknown> & { text: string; visibility: string; from: { kind: string } }>;
      const ours = body.items.filter((m) => m.from.kind === 'agent' && m.visibility === 'public');
      const theirs = body.items.filter((m) => m.from.kind === 'customer' && m.text);
      Object.assign(theirs[0] ?? {}, { edited_at: new Date().toISOString(), reactions: [{ by: 'x', emoji: '👍' }] });
      if (theirs[1]) theirs[1]['attachments'] = [{ id: 'r', name: 'programme.exe', size: 120, type: 'application/octet-stream', state: 'refused', reason: 'type not allowed' }];
      Object.assign(ours[0] ?? {}, { from: { kind: 'bot', id: 'bot', name: 'Assistant' } });
      Object.assign(ours[1] ?? {}, { state: 'unknown', reason: { code: 'unknown', text: '' }, text: 'Did this arrive?' });
      await route.fulfill({ response: answer, json: body });
    });
    await to();
    await page.locator('.fail-u').waitFor();
    await gallery.show(page, 'unknown, by a bot', { whole: true });
    await page.unroute('**/messages?*');

    await page.route('**/messages', (route) => (route.request().method() === 'POST' ? undefined : route.fallback()));
    await to();
    await page.locator('#message-text').fill('This one is on its way.');
    await page.locator('#message-text').press('Control+Enter');
    await page.locator('.pend').waitFor();
    await gallery.show(page, 'pending', { holds: '.pend' });
    await page.unroute('**/messages');
    await page.evaluate(() => Object.keys(localStorage).filter((k) => k.startsWith('guichet.outbox')).forEach((k) => localStorage.removeItem(k)));

    for (const [name, status, code] of [['answered meanwhile', 409, 'answered-meanwhile'], ['refused', 422, 'too-large']] as const) {
      await page.route('**/messages', (route) => (route.request().method() === 'POST' ? route.fulfill(problem(status, code)) : route.fallback()));
      await to();
      await page.locator('#message-text').fill('Yes, it does: up to 220 degrees, if it warms with the oven.');
      await page.locator('#message-text').press('Control+Enter');
      await page.locator('.pend .fail').waitFor();
      await gallery.show(page, name, { whole: true, holds: '.pend .fail' });
      await page.locator('.pend .fail .btn').last().click();
      await page.unroute('**/messages');
    }
  });

  test('a conversation that does not come', async () => {
    await page.route('**/messages?*', () => {});
    await to();
    await page.locator('.log-sk').waitFor();
    await gallery.show(page, 'conversation loading');
    await page.unroute('**/messages?*');
    await page.route('**/messages?*', (route) => route.fulfill(problem(500, 'internal')));
    await to();
    await page.getByText(say('workspace.thread.load-failed')).waitFor();
    await gallery.show(page, 'conversation failed');
    await page.unroute('**/messages?*');
    await to('/conversations/01AAAAAAAAAAAAAAAAAAAAAAAA');
    await page.getByText(say('workspace.thread.gone')).waitFor();
    await gallery.show(page, 'conversation gone');
    await to(`/conversations/${ended}`);
    await thread().waitFor();
    await gallery.show(page, 'conversation closed', { whole: true });
  });

  test('writing', async () => {
    await to();
    await page.locator('#message-text').fill('A note in several lines,\nabout what was promised\nlast month.');
    await page.locator('.composer input[type=file]').setInputFiles([
      { name: 'Rechnung-2026-11-0815-mit-einem-sehr-langen-Namen.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.4 hello') },
      { name: 'plate.png', mimeType: 'image/png', buffer: Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mOsr6//DwAFhAKAjM1mJgAAAABJRU5ErkJggg==', 'base64') },
    ]);
    await page.locator('.tray li').nth(1).waitFor();
    await gallery.show(page, 'writing', { whole: true, holds: '.tray' });
    await page.getByRole('group', { name: say('workspace.composer.kind') }).getByRole('button').nth(1).click();
    await gallery.show(page, 'writing a note', { whole: true, holds: '.noting' });
    for (let left = 2; left > 0; left--) await page.locator('.tray .ib').last().click();
    await page.locator('#message-text').fill('');
    await page.getByRole('group', { name: say('workspace.composer.kind') }).getByRole('button').first().click();
  });

  test('dialogs, menus and the palette', async () => {
    await to();
    await thread().waitFor();
    await page.getByRole('button', { name: say('workspace.thread.more') }).click();
    await page.getByRole('menu').waitFor();
    await gallery.show(page, 'menu of a conversation', { whole: true, holds: '[role=menu]' });
    await away();
    await page.keyboard.press('t');
    await page.locator('.tr-o').first().waitFor();
    await gallery.show(page, 'transfer', { whole: true, holds: '[role=dialog]' });
    await page.getByRole('dialog').locator('input[type=search]').fill('zzz');
    await gallery.show(page, 'transfer nothing found');
    await away();
    await page.locator('.rb.me').click();
    await page.getByRole('menu').waitFor();
    await gallery.show(page, 'presence', { whole: true, holds: '[role=menu]' });
    await away();
    await page.keyboard.press('Control+k');
    await page.locator('.palette').waitFor();
    await gallery.show(page, 'palette', { whole: true, holds: '.palette' });
    await page.keyboard.type('le');
    await page.locator('.palette-r').nth(2).waitFor();
    await gallery.show(page, 'palette with results', { whole: true, holds: '.palette' });
    await page.keyboard.type('zzzzz');
    await page.getByText(say('workspace.palette.none', { query: 'lezzzzz' })).waitFor();
    await gallery.show(page, 'palette without results', { holds: '.palette' });
    await away();
    await page.keyboard.press('?');
    await page.locator('.sheet').waitFor();
    await gallery.show(page, 'shortcuts', { whole: true, holds: '.sheet' });
    await away();
    for (const [item, name] of [['common.me.settings', 'settings'], ['common.me.password', 'change password']] as const) {
      await page.locator('.rb.me').click();
      await page.getByRole('menuitem', { name: say(item) }).click();
      await page.getByRole('dialog').waitFor();
      await gallery.show(page, name, { whole: true, holds: '[role=dialog]' });
      await away();
    }
  });

  test('no network', async () => {
    await to();
    await thread().waitFor();
    await where.setOffline(true);
    await page.locator('.offl').waitFor({ state: 'attached' });
    await page.locator('#message-text').fill('Written without a network.');
    await page.locator('#message-text').press('Control+Enter');
    await page.locator('.pend').waitFor();
    await gallery.show(page, 'offline', { whole: true, holds: '.offl' });
    await page.locator('.pend .linkb').click();
    await where.setOffline(false);
    await page.locator('.list .live:not(.off)').waitFor({ state: 'attached' });
    await page.route('**/api/v1/me', (route) => route.fulfill(problem(401, 'unauthorized')));
    await page.route('**/api/v1/conversations/**', (route) => route.fulfill(problem(401, 'unauthorized')));
    await page.locator('.cr').nth(3).click();
    await page.getByRole('dialog').waitFor();
    await gallery.show(page, 'signed out in the middle', { whole: true, holds: '[role=dialog]' });
    await page.unrouteAll();
  });

  test('without live connections', async () => {
    const other = await context(browser, { language });
    await other.routeWebSocket(/\/api\/v1\//, (socket) => socket.close({ code: 4999 }));
    const theirs = await signedIn(other, desk, karim);
    await theirs.getByText(say('common.live.polling'), { exact: true }).waitFor({ timeout: 30_000 });
    await gallery.show(theirs, 'polling', { whole: true });
    await other.close();
  });

  test('offers', async () => {
    const other = await context(browser, { language });
    const theirs = await signedIn(other, desk, tomas);
    await theirs.locator('.list .live:not(.off)').waitFor({ state: 'attached' });
    await desk.ask(desk.key(tomas), 'PUT', '/me/presence', { presence: 'available' });
    await line.write(desk, 'quick-line', `Hélène de Montgolfier-Saint-Exupéry ${language}`, { type: 'text', text: 'The teapot drips since yesterday, and I have guests on Sunday: can it be mended by Saturday, or should I buy another one?' });
    await theirs.locator('.offer').waitFor();
    await gallery.show(theirs, 'offer', { holds: '.offer' });
    await theirs.locator('.offer-ring.last').waitFor();
    await gallery.show(theirs, 'offer, last seconds', { widths: [1440, 390], holds: '.offer' });
    await desk.ask(desk.key(tomas), 'PUT', '/me/presence', { presence: 'do-not-disturb' }); // so that it does not ring again at once
    await theirs.locator('.missed').waitFor({ timeout: 40_000 });
    await gallery.show(theirs, 'offer missed', { whole: true, holds: '.missed' });
    await other.close();
  });
});
