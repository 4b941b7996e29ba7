/** What stands around a conversation: who the customer is, the palette, signing in again, and the self-diagnosis. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { context, open, type Browser, type BrowserContext } from './harness/browser';
import { Desk, ines, karim, password } from './harness/desk';
import { Agent, openOf, until, Visitor } from './harness/people';

let browser: Browser;
let desk: Desk;
let overseer: string;
let shop: BrowserContext;
let counter: BrowserContext;

beforeAll(async () => {
  [browser, desk] = await Promise.all([open(), Desk.start()]);
  overseer = desk.key(karim);
});
afterAll(async () => {
  await browser?.close();
  await desk?.remove();
});
beforeEach(async () => {
  [shop, counter] = await Promise.all([context(browser), context(browser)]);
});
afterEach(async () => {
  const { items } = await desk.ask<{ items: { id: string }[] }>(overseer, 'GET', '/conversations?view=all');
  for (const { id } of items) {
    await desk.ask(overseer, 'POST', `/conversations/${id}/end`).catch(() => {});
    await desk.ask(overseer, 'POST', `/conversations/${id}/close`).catch(() => {});
  }
  await Promise.all([shop.close(), counter.close()]);
});

async function talking(first: string): Promise<Agent> {
  const agent = await Agent.at(counter, desk, ines);
  const visitor = await Visitor.at(shop, desk);
  await visitor.open();
  await visitor.write(first);
  await agent.accept();
  await agent.sees([first]);
  return agent;
}

const customer = (agent: Agent) => agent.page.locator('.cust-h h2');
const called = (agent: Agent, name: string | RegExp) => until(() => customer(agent).innerText(), (text) => (typeof name === 'string' ? text === name : name.test(text)), `the customer should be called ${name}`);

test('an unknown visitor is linked to a known contact, found by the beginning of a word, and it can be undone', async () => {
  await desk.ask(overseer, 'POST', '/contacts', { name: 'Leïla Mansouri', email: 'leila@example.fr' });
  const agent = await talking('It is me again');
  const { page } = agent;
  await called(agent, /^Visitor/);
  await page.getByRole('button', { name: 'Who is this?' }).click();
  await page.getByRole('dialog').getByRole('searchbox').fill('mans');
  await page.getByRole('button', { name: 'Link to Leïla Mansouri' }).click();
  await called(agent, 'Leïla Mansouri');
  await page.getByRole('button', { name: 'Undo' }).click();
  await called(agent, /^Visitor/);
});

test('what is written about a customer is on every page at once, and in the palette', async () => {
  const agent = await talking('Do you engrave?');
  const conversation = openOf(agent.page);
  await agent.page.getByRole('button', { name: 'Edit contact' }).click();
  const dialog = agent.page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('Hugo Lambert');
  await dialog.getByLabel('Company').fill('Atelier Sable');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await called(agent, 'Hugo Lambert');
  await agent.page.locator('.conv-h h2', { hasText: 'Hugo Lambert' }).waitFor();
  await agent.page.goto(desk.url + '/app/diagnosis');
  await agent.page.locator('.hops').waitFor();
  await agent.page.keyboard.press('Control+k');
  await agent.page.getByRole('combobox').fill('sab hug');
  await agent.page.getByRole('option', { name: /Hugo Lambert/ }).first().waitFor();
  await agent.page.keyboard.press('Enter');
  await agent.page.waitForURL(`**/conversations/${conversation}`);
});

test('the panel asks once, not again with every message', async () => {
  const agent = await talking('Is the blue one back?');
  await called(agent, /^Visitor/);
  await agent.page.locator('.trace li').first().waitFor();
  await agent.page.waitForLoadState('networkidle');
  const asked: string[] = [];
  agent.page.on('request', (request) => /\/contacts|\/trace/.test(request.url()) && asked.push(request.url()));
  await agent.write('On Tuesday.');
  await agent.write('I keep one for you.');
  await agent.sees(['Is the blue one back?', 'On Tuesday.', 'I keep one for you.']);
  expect(asked).toEqual([]);
});

test('context variables are set, changed and removed', async () => {
  const agent = await talking('My order is late');
  const { page } = agent;
  await page.getByRole('button', { name: 'Add a variable' }).click();
  await page.getByLabel('Name of the variable').fill('Order');
  await page.getByLabel('Value', { exact: true }).fill('A-20418');
  await page.keyboard.press('Enter');
  const value = page.locator('.vars dt:text-is("Order") + dd .var-v'); // beside those that the web chat tells
  await until(() => value.allInnerTexts(), (all) => all.join() === 'A-20418', 'the variable should stand there');
  await page.getByRole('button', { name: 'Edit Order' }).click();
  await page.getByLabel('Value of Order').fill('A-20419');
  await page.keyboard.press('Enter');
  await until(() => value.allInnerTexts(), (all) => all.join() === 'A-20419', 'the variable should have changed');
  await page.getByRole('button', { name: 'Edit Order' }).click();
  await page.getByRole('button', { name: 'Remove' }).click();
  await until(() => value.count(), (n) => n === 0, 'the variable should be gone');
});

test('signed out in the middle: what was written stays, and the same page goes on', async () => {
  const agent = await talking('Are you open on Sunday?');
  const { page } = agent;
  await agent.composer().fill('We are, from ten to four.');
  const own = desk.key(ines);
  const { items } = await desk.ask<{ items: { id: string }[] }>(own, 'GET', '/me/sign-ins');
  for (const { id } of items) await desk.ask(own, 'DELETE', `/me/sign-ins/${id}`);
  const dialog = page.getByRole('dialog', { name: 'Your sign-in ended' });
  await dialog.getByLabel(`Password of ${ines.email}`).fill(password);
  await dialog.getByRole('button', { name: 'Sign in' }).click();
  await dialog.waitFor({ state: 'detached' });
  expect(await agent.composer().inputValue()).toBe('We are, from ten to four.');
  await agent.live();
  await agent.composer().press('Control+Enter');
  await agent.sees(['Are you open on Sunday?', 'We are, from ten to four.']);
});

test('the self-diagnosis says in words that something blocks live connections, and what to configure', async () => {
  await counter.addInitScript(() => {
    const Real = window.WebSocket;
    window.WebSocket = class extends Real {
      constructor(url: string | URL) {
        super(String(url).includes('/diagnosis/') ? 'ws://127.0.0.1:1/' : url);
      }
    };
  });
  const agent = await Agent.at(counter, desk, karim);
  await agent.page.goto(desk.url + '/app/diagnosis');
  await agent.page.locator('.hop-bad', { hasText: 'Proxy' }).waitFor();
  await agent.page.getByText('refuses live connections').waitFor();
  await agent.page.getByText('What nginx needs').click();
  expect(await agent.page.locator('pre:visible').innerText()).toContain('proxy_set_header Upgrade $http_upgrade;');
});
