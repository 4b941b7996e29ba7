/** A whole conversation without a mouse, on both sides: what has the focus is seen, and the focus is never lost. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { context, open, type Browser, type BrowserContext } from './harness/browser';
import { Desk, ines, karim, password, tomas } from './harness/desk';
import { focus, kept, press, reach } from './harness/focus';
import { openOf, stored, until, Visitor } from './harness/people';

let browser: Browser;
let desk: Desk;
let shop: BrowserContext;
let counter: BrowserContext;

beforeAll(async () => {
  [browser, desk] = await Promise.all([open(), Desk.start()]);
  [shop, counter] = await Promise.all([context(browser), context(browser)]);
});
afterAll(async () => {
  await browser?.close();
  await desk?.remove();
});

test('a visitor and an agent talk, from signing in to the end', async () => {
  // The agent signs in.
  const page = await counter.newPage();
  await page.goto(desk.url + '/app/');
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  await reach(page, 'E-mail');
  await page.keyboard.type(ines.email);
  await reach(page, 'Password');
  await page.keyboard.type(password);
  await press(page, 'Enter');
  await page.locator('.list .live:not(.off)').waitFor({ state: 'attached' });
  await kept(page, 'signing in');

  // The first stop of a page leads past the rail.
  await page.reload();
  await page.locator('.list .live:not(.off)').waitFor({ state: 'attached' });
  await reach(page, 'Skip to the content', 'Tab', 1);
  await page.keyboard.press('Enter');
  await until(() => page.evaluate(() => document.activeElement?.id), (id) => id === 'main', 'the skip link leads to the content');

  // They become available.
  await reach(page, /^Inès Roux/, 'Shift+Tab');
  await press(page, 'Enter');
  await page.getByRole('menu').waitFor();
  await reach(page, 'Available', 'ArrowDown');
  await page.keyboard.press('Enter');
  await page.getByRole('menu').waitFor({ state: 'detached' });
  await until(() => focus(page), ({ name }) => /^Inès Roux, Available/i.test(name), 'the menu gives the focus back to what opened it');

  // The visitor opens the chat, and writes.
  const visitor = await Visitor.at(shop, desk);
  await visitor.launcher().waitFor();
  await reach(visitor.page, 'Open the chat');
  await visitor.page.keyboard.press('Enter');
  await visitor.field().waitFor();
  await until(() => focus(visitor.page), ({ name }) => name === 'Message', 'the chat opens with the focus where one writes');
  await visitor.page.keyboard.type('Is the oval dish safe in the oven?');
  await press(visitor.page, 'Enter');

  // It rings; A takes it, and one can write at once.
  await page.locator('.offer').waitFor();
  await page.keyboard.press('a');
  await page.locator('#message-text').waitFor();
  await until(() => focus(page), ({ role, ringed }) => role === 'textarea' && ringed, 'who accepts can write');
  const conversation = openOf(page);
  await page.keyboard.type('Yes, up to 220 degrees.');
  await press(page, 'Control+Enter');
  await visitor.sees(['Is the oval dish safe in the oven?', 'Yes, up to 220 degrees.']);
  expect((await focus(visitor.page)).name).toBe('Message');

  // The visitor reads above, answers, and looks for more in the menu.
  await reach(visitor.page, /^Conversation/, 'Shift+Tab');
  await press(visitor.page, 'Control+/');
  await visitor.page.keyboard.type('Lovely, thank you.');
  await press(visitor.page, 'Enter');
  await visitor.page.locator('iframe').first().waitFor();
  const texts = ['Is the oval dish safe in the oven?', 'Yes, up to 220 degrees.', 'Lovely, thank you.'];
  await visitor.sees(texts);

  // Escape leaves the text, not the conversation; letters act then.
  await press(page, 'Escape');
  expect((await focus(page)).role).not.toBe('textarea');
  await press(page, 'n');
  await page.locator('.noting').waitFor();
  await page.keyboard.type('Asked about the oven before.');
  await press(page, 'Control+Enter');
  await page.locator('#thread .note', { hasText: 'Asked about the oven before.' }).waitFor();
  await press(page, 'Escape', 'w');
  expect((await focus(page)).name).toMatch(/^Why you/);
  await press(page, 'Enter', 'Enter');
  await page.locator('.trace li').first().waitFor();

  // Windows take the focus and give it back.
  await press(page, 't');
  await until(() => focus(page), ({ name }) => /queue|colleague|name/i.test(name), 'the window for transfers begins with its search');
  await page.locator('.tr-o').first().waitFor();
  await reach(page, 'Cancel');
  await press(page, 'Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  expect((await kept(page, 'leaving the window')).name).toMatch(/^Why you/);
  await press(page, 'Shift+?');
  await page.locator('.sheet').waitFor();
  await press(page, 'Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await kept(page, 'leaving the list of shortcuts');
  await press(page, 'Control+k');
  await page.getByRole('combobox').waitFor();
  await page.keyboard.type('diagnosis');
  await page.getByRole('option').first().waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL('**/diagnosis');
  await kept(page, 'going to another page');
  await press(page, 'g', 'i');
  await page.locator('.cr').first().waitFor();
  await press(page, 'j');
  await page.keyboard.press('Enter');
  await page.waitForURL(`**/conversations/${conversation}`);
  await page.locator('#thread .said-t').first().waitFor();
  await kept(page, 'opening a row');
  await press(page, 'r');
  expect((await focus(page)).role).toBe('textarea');
  await press(page, 'Escape', 'Escape');
  expect((await focus(page)).room).toBe('');
  await until(() => page.evaluate(() => document.activeElement?.getAttribute('data-row')), (row) => row === conversation, 'a second Escape goes back to the row');

  // The search is left as it was entered.
  await press(page, '/');
  expect((await focus(page)).role).toBe('input');
  await press(page, 'Escape');
  expect((await focus(page)).role).not.toBe('input');

  // The visitor shuts the panel and opens it again, and ends the conversation.
  await press(visitor.page, 'Escape');
  await until(() => focus(visitor.page), ({ name }) => name === 'Open the chat', 'who shuts the panel stands at its button');
  await visitor.page.keyboard.press('Enter');
  await until(() => focus(visitor.page), ({ name }) => name === 'Message', 'the chat opens again where one writes');
  await reach(visitor.page, 'More', 'Shift+Tab');
  await press(visitor.page, 'Enter');
  await reach(visitor.page, 'End the conversation', 'ArrowDown');
  await visitor.page.keyboard.press('Enter');
  await until(() => focus(visitor.page), ({ name }) => name === 'Keep it open', 'the question begins with what does no harm');
  await press(visitor.page, 'Escape');
  await reach(visitor.page, 'Message');

  // The agent ends it by the button, which goes away.
  await reach(page, /^End/);
  await page.keyboard.press('Enter');
  await visitor.panel().getByRole('button', { name: 'New conversation' }).waitFor();
  await until(() => focus(visitor.page), ({ name, ringed }) => name === 'New conversation' && ringed, 'where one wrote is now the way to begin again');
  await kept(page, 'ending the conversation');
  await visitor.page.keyboard.press('Enter');
  await until(() => focus(visitor.page), ({ name }) => name === 'Message', 'another conversation begins where one writes');
  await stored(desk, desk.key(karim), conversation, texts);
});

test('Tab goes through the workspace as one reads it, and everything it stops at is seen and has a name', async () => {
  const other = await context(browser);
  const visitor = await Visitor.at(other, desk);
  await visitor.open();
  await visitor.write('Do you engrave?');
  const page = counter.pages()[0]!;
  await page.locator('.offer').waitFor();
  await reach(page, /^Accept/);
  await page.keyboard.press('Enter');
  await until(() => focus(page), ({ role }) => role === 'textarea', 'who accepts by the button can write, too');
  await page.reload();
  await page.locator('.cust dl').first().waitFor();
  await page.locator('.trace li').first().waitFor();
  const rooms = ['.skip', '.rail', '.list', '.conv', '.side'];
  const walked: string[] = [];
  for (let i = 0; i < 80; i++) {
    await page.keyboard.press('Tab');
    const at = await focus(page, rooms);
    if (at.lost || (at.room === '.skip' && walked.length > 0)) break; // once around
    expect(at, `stop ${i + 1}`).toMatchObject({ ringed: true, inSight: true, name: expect.stringMatching(/./) });
    walked.push(at.room);
  }
  expect([...new Set(walked)]).toEqual(rooms);
  const order = walked.map((room) => rooms.indexOf(room));
  expect(order).toEqual([...order].sort((a, b) => a - b));
  expect(walked.length).toBeGreaterThan(20);
  await other.close();
});

test('an offer is declined by a letter, and letters do nothing in fields', async () => {
  const other = await context(browser);
  const theirs = await context(browser);
  await desk.ask(desk.key(ines), 'PUT', '/me/presence', { presence: 'offline' });
  const page = await theirs.newPage();
  await theirs.request.post(desk.url + '/api/v1/sign-in', { data: { email: tomas.email, password }, headers: { Origin: desk.url } });
  await page.goto(desk.url + '/app/');
  await page.locator('.list .live:not(.off)').waitFor({ state: 'attached' });
  await desk.ask(desk.key(tomas), 'PUT', '/me/presence', { presence: 'available' });
  const visitor = await Visitor.at(other, desk);
  await visitor.open();
  await visitor.write('Anybody there?');
  await page.locator('.offer').waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('ad');
  expect(await page.locator('.find input').inputValue()).toBe('ad');
  expect(await page.locator('.offer').count()).toBe(1);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  // The only one who is there may be asked again at once, so the ticket need not leave the screen.
  const declined = page.waitForResponse((response) => /\/offers\/[^/]+\/decline$/.test(response.url()));
  await page.keyboard.press('d');
  expect((await declined).status()).toBe(204);
  await Promise.all([other.close(), theirs.close()]);
});
