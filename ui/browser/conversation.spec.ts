/** A customer in the demo shop and an agent in the workspace, through everything that happens to connections. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { context, open, signedIn, type Browser, type BrowserContext } from './harness/browser';
import { homely } from './harness/checks';
import { Desk, ines, karim } from './harness/desk';
import { Agent, openOf, stored, until, Visitor } from './harness/people';

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
  // Nobody rings on into the next test.
  const { items } = await desk.ask<{ items: { id: string }[] }>(overseer, 'GET', '/conversations?view=all');
  for (const { id } of items) {
    await desk.ask(overseer, 'POST', `/conversations/${id}/end`).catch(() => {});
    await desk.ask(overseer, 'POST', `/conversations/${id}/close`).catch(() => {});
  }
  await Promise.all([shop.close(), counter.close()]);
});

/** talking brings a visitor and an agent together over a first message. */
async function talking(first: string): Promise<{ visitor: Visitor; agent: Agent; conversation: string }> {
  const agent = await Agent.at(counter, desk, ines);
  const visitor = await Visitor.at(shop, desk);
  await visitor.open();
  await visitor.write(first);
  await agent.accept();
  await agent.sees([first]);
  return { visitor, agent, conversation: openOf(agent.page) };
}

test('message in, offer, accept, answer out', async () => {
  const { visitor, agent, conversation } = await talking('Is the oval dish safe in the oven?');
  const atHome = [homely(visitor.page, desk.url), homely(agent.page, desk.url)];
  await agent.write('Yes, up to 220 degrees.');
  await visitor.sees(['Is the oval dish safe in the oven?', 'Yes, up to 220 degrees.']);
  await visitor.panel().getByText(/^Inès joined/).waitFor();
  await visitor.write('Lovely, thank you.');
  await agent.sees(['Is the oval dish safe in the oven?', 'Yes, up to 220 degrees.', 'Lovely, thank you.']);
  await agent.page.locator('#thread .m.out .meta').getByText('read').waitFor();
  await stored(desk, overseer, conversation, ['Is the oval dish safe in the oven?', 'Yes, up to 220 degrees.', 'Lovely, thank you.']);
  for (const check of atHome) check();
});

test('both sides see each other type', async () => {
  const { visitor, agent } = await talking('Hello');
  await visitor.field().pressSequentially('I wonder');
  await agent.page.locator('#thread .now').waitFor();
  await agent.composer().pressSequentially('Let me look');
  await visitor.panel().getByText(/is writing/).waitFor();
});

test('both sides reload in the middle of sending', async () => {
  const { visitor, agent, conversation } = await talking('one');
  const texts = ['one'];
  for (let round = 1; round <= 4; round++) {
    // The requests of the page that goes away are cut off wherever they are.
    await visitor.write(`customer ${round}`);
    await visitor.page.reload();
    await visitor.field().waitFor();
    texts.push(`customer ${round}`);
    await agent.sees(texts);
    await agent.write(`agent ${round}`);
    await agent.page.reload();
    await agent.composer().waitFor();
    texts.push(`agent ${round}`);
    await agent.sees(texts);
    await visitor.sees(texts);
  }
  await stored(desk, overseer, conversation, texts);
});

test('the network comes and goes on both sides', async () => {
  const { visitor, agent, conversation } = await talking('start');
  const texts = ['start'];
  for (let round = 1; round <= 3; round++) {
    await shop.setOffline(true);
    await visitor.write(`written without a network ${round}`);
    await visitor.panel().getByText(/Waiting for the network/).waitFor();
    await shop.setOffline(false);
    texts.push(`written without a network ${round}`);
    await agent.sees(texts);
    await counter.setOffline(true);
    await agent.page.locator('.list .live.off').waitFor();
    await agent.write(`kept in the browser ${round}`);
    await counter.setOffline(false);
    texts.push(`kept in the browser ${round}`);
    await agent.sees(texts);
    await visitor.sees(texts);
  }
  await stored(desk, overseer, conversation, texts);
});

test('a laptop sleeps', async () => {
  const { visitor, agent, conversation } = await talking('before');
  const control = await counter.newCDPSession(agent.page);
  await control.send('Page.setWebLifecycleState', { state: 'frozen' });
  await desk.ask(desk.key(ines), 'POST', `/conversations/${conversation}/messages`, { id: 'from-a-script', text: 'said elsewhere' });
  await visitor.write('while you slept');
  await visitor.sees(['before', 'said elsewhere', 'while you slept']);
  await control.send('Page.setWebLifecycleState', { state: 'active' });
  await agent.sees(['before', 'said elsewhere', 'while you slept']);
  await agent.write('good morning');
  await visitor.sees(['before', 'said elsewhere', 'while you slept', 'good morning']);
});

test('two tabs on each side show the same', async () => {
  const { visitor, agent, conversation } = await talking('from the first tab');
  const second = await Visitor.at(shop, desk);
  await second.open();
  await second.sees(['from the first tab']);
  const beside = await Agent.at(counter, desk, ines, `/conversations/${conversation}`);
  await second.write('from the second tab');
  await beside.sees(['from the first tab', 'from the second tab']);
  await beside.write('answered from the second window');
  const texts = ['from the first tab', 'from the second tab', 'answered from the second window'];
  await Promise.all([visitor.sees(texts), second.sees(texts), agent.sees(texts), beside.sees(texts)]);
  await stored(desk, overseer, conversation, texts);
});

test('the conversation goes on across pages of the shop', async () => {
  const { visitor, agent } = await talking('on the first page');
  await visitor.page.goto(desk.url + '/demo?page=2');
  await visitor.sees(['on the first page']);
  await agent.write('I see you moved on');
  await visitor.sees(['on the first page', 'I see you moved on']);
});

test('WebSockets are blocked on the way', async () => {
  for (const where of [shop, counter]) {
    await where.addInitScript(() => {
      // What a proxy does that knows no upgrades: the handshake fails.
      class Blocked extends EventTarget {
        readyState = 3;
        bufferedAmount = 0;
        onopen = null;
        onmessage = null;
        onclose: ((event: Event) => void) | null = null;
        onerror: ((event: Event) => void) | null = null;
        constructor() {
          super();
          setTimeout(() => {
            const closed = new CloseEvent('close', { code: 1006 });
            this.onerror?.(new Event('error'));
            this.dispatchEvent(new Event('error'));
            this.onclose?.(closed);
            this.dispatchEvent(closed);
          }, 5);
        }
        send() {}
        close() {}
      }
      Object.assign(window, { WebSocket: Blocked });
    });
  }
  const seat = await Visitor.at(shop, desk);
  await seat.open();
  const page = await signedIn(counter, desk, ines);
  await page.locator('.list .live').getByText('Every few seconds').waitFor({ timeout: 60_000 });
  await seat.write('through the wall');
  await page.locator('.offer .btn-p').click();
  await page.locator('#message-text').fill('answered through the wall');
  await page.locator('#message-text').press('Control+Enter');
  await seat.sees(['through the wall', 'answered through the wall']);
  await until(() => page.locator('#thread .said-t').allInnerTexts(), (said) => said.length === 2 && said[1] === 'answered through the wall', 'the agent sees both');
  await stored(desk, overseer, openOf(page), ['through the wall', 'answered through the wall']);
});

test('the server is killed in the middle and comes back', async () => {
  const { visitor, agent, conversation } = await talking('first');
  const texts = ['first'];
  for (let round = 1; round <= 3; round++) {
    await visitor.write(`customer ${round}`);
    await desk.kill();
    await agent.write(`agent ${round}`);
    await visitor.write(`customer again ${round}`);
    await desk.run();
    const all = [...texts, `customer ${round}`, `agent ${round}`, `customer again ${round}`];
    // The order between the two sides is the order of arrival; each side's own order is kept.
    const said = await until(() => agent.said(), (now) => now.length === all.length, `the agent should see ${all.length} messages`, 60_000);
    expect([...said].sort()).toEqual([...all].sort());
    expect(said.slice(0, texts.length)).toEqual(texts);
    expect(said.indexOf(`customer ${round}`)).toBeLessThan(said.indexOf(`customer again ${round}`));
    texts.splice(0, texts.length, ...said);
    await agent.sees(texts);
    await visitor.sees(texts);
  }
  await stored(desk, overseer, conversation, texts);
});
