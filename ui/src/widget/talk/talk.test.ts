import { beforeEach, describe, expect, it } from 'vitest';
import { Browser, Clock, Desk, Network } from './fake';
import { Memory } from './keep';

let clock: Clock;
let network: Network;
let desk: Desk;
let browser: Browser;

beforeEach(() => {
  clock = new Clock();
  network = new Network(clock);
  desk = new Desk(() => clock.now);
  browser = new Browser(clock, network, desk, new Memory());
});

const own = () => desk.messages.filter((m) => m.client).map((m) => m.text);

describe('a visitor writes', () => {
  it('stores nothing at the server and nothing in the browser before the first message', async () => {
    const tab = browser.tab();
    await clock.run(1000);
    expect(tab.view.link).toBe('live');
    expect(browser.store.length).toBe(0);
    expect([...desk.lines][0]?.hello?.token).toBeUndefined();
  });

  it('shows a message at once, then as stored, once', async () => {
    const tab = browser.tab();
    await clock.run(1000);
    tab.talk.write('Hello');
    expect(tab.view.outgoing.map((o) => [o.text, o.on])).toEqual([['Hello', 'way']]);
    await clock.run(1000);
    expect(tab.view.outgoing).toEqual([]);
    expect(tab.view.messages.map((m) => m.text)).toEqual(['Hello']);
    expect(tab.view.status.state).toBe('open');
    expect(tab.twice).toEqual([]);
  });

  it('sends one after the other', async () => {
    const tab = browser.tab();
    await clock.run(1000);
    for (const text of ['one', 'two', 'three']) tab.talk.write(text);
    await clock.run(10);
    expect(desk.received.length).toBeLessThanOrEqual(1);
    await clock.run(1000);
    expect(own()).toEqual(['one', 'two', 'three']);
  });

  it('gives the context variables with the message that begins a conversation only', async () => {
    const tab = browser.tab();
    await clock.run(1000);
    const sent: unknown[] = [];
    const hear = desk.hear.bind(desk);
    desk.hear = (frame) => (frame.t === 'send' && sent.push(frame.context), hear(frame));
    tab.talk.write('one', [], { cart: '3' });
    await clock.run(1000);
    tab.talk.write('two', [], { cart: '4' });
    await clock.run(1000);
    expect(sent).toEqual([{ cart: '3' }, undefined]);
  });
});

describe('without a network', () => {
  it('keeps what was written and sends it by itself', async () => {
    const tab = browser.tab();
    await clock.run(1000);
    network.down = true;
    network.cut();
    tab.talk.write('kept');
    await clock.run(60_000);
    expect(tab.view.link).toBe('lost');
    expect(tab.view.outgoing.map((o) => o.on)).toEqual(['network']);
    network.down = false;
    tab.talk.link.wake();
    await clock.run(2000);
    expect(own()).toEqual(['kept']);
    expect(tab.view.outgoing).toEqual([]);
  });

  it('sends a message again under its id when the answer was lost', async () => {
    const tab = browser.tab();
    await clock.run(1000);
    tab.talk.write('once');
    await clock.run(30); // it has arrived, the answer is under way
    expect(own()).toEqual(['once']);
    network.cut();
    await clock.run(20_000);
    expect(own()).toEqual(['once']);
    expect(tab.texts).toEqual(['once']);
    expect(tab.twice).toEqual([]);
  });

  it('sends it after a reload in the middle', async () => {
    const tab = browser.tab();
    await clock.run(1000);
    network.dead = true;
    tab.talk.write('one');
    tab.talk.write('two');
    await clock.run(500);
    tab.leave();
    network.dead = false;
    const again = browser.tab();
    await clock.run(2000);
    expect(own()).toEqual(['one', 'two']);
    expect(again.texts).toEqual(['one', 'two']);
  });

  it('notices a connection that died silently', async () => {
    const tab = browser.tab();
    await clock.run(1000);
    tab.talk.write('hello');
    await clock.run(1000);
    network.dead = true;
    await clock.run(30_000);
    expect(tab.view.link).not.toBe('live');
    network.dead = false;
    desk.say('there?');
    await clock.run(60_000);
    expect(tab.texts).toEqual(['hello', 'there?']);
  });

  it('finds out at once after sleep', async () => {
    const tab = browser.tab();
    await clock.run(1000);
    network.dead = true;
    tab.talk.link.wake();
    await clock.run(4100);
    expect(tab.view.link).toBe('lost');
  });

  it('waits longer and longer, with jitter, up to half a minute', async () => {
    const tab = browser.tab();
    network.down = true;
    const tries: number[] = [];
    const socket = network.lines.add.bind(network.lines);
    network.lines.add = (line) => (tries.push(clock.now), socket(line));
    await clock.run(600_000);
    expect(tab.view.link).toBe('lost');
    const pauses = tries.slice(1).map((t, i) => t - (tries[i] ?? 0));
    expect(Math.max(...pauses)).toBeLessThanOrEqual(31_000);
    expect(Math.min(...pauses.slice(-5))).toBeGreaterThan(15_000);
  });
});

describe('a connection that resumes', () => {
  it('takes up where it was', async () => {
    const tab = browser.tab();
    await clock.run(1000);
    tab.talk.write('hello');
    await clock.run(1000);
    network.down = true;
    network.cut();
    desk.say('first');
    desk.say('second');
    await clock.run(5000);
    network.down = false;
    await clock.run(60_000);
    expect(tab.texts).toEqual(['hello', 'first', 'second']);
    expect(tab.heardNews).toEqual(['first', 'second']);
  });

  it('forgets what it has when there were too many, and finds it again when asked', async () => {
    desk.pageSize = 3;
    const tab = browser.tab();
    await clock.run(1000);
    tab.talk.write('hello');
    await clock.run(1000);
    network.down = true;
    network.cut();
    for (let i = 1; i <= 6; i++) desk.say(`m${i}`);
    await clock.run(5000);
    network.down = false;
    await clock.run(60_000);
    expect(tab.texts).toEqual(['m4', 'm5', 'm6']);
    expect(tab.view.more).toBe(true);
    tab.talk.older();
    tab.talk.older();
    await clock.run(1000);
    expect(tab.texts).toEqual(['m1', 'm2', 'm3', 'm4', 'm5', 'm6']);
    tab.talk.older();
    await clock.run(1000);
    expect(tab.texts[0]).toBe('hello');
    expect(tab.view.more).toBe(false);
  });

  it('shows a changed message in its place', async () => {
    const tab = browser.tab();
    await clock.run(1000);
    tab.talk.write('hello');
    await clock.run(1000);
    const said = desk.say('at nine');
    desk.say('or so');
    desk.tell({ t: 'message', message: { ...said, text: 'at ten', edited: true } });
    await clock.run(1000);
    expect(tab.texts).toEqual(['hello', 'at ten', 'or so']);
  });
});

describe('what the server answers', () => {
  it('waits when it is told to, in order', async () => {
    const tab = browser.tab();
    await clock.run(1000);
    desk.answers.push((id) => ({ t: 'later', id, after: 5 }));
    tab.talk.write('one');
    tab.talk.write('two');
    await clock.run(3000);
    expect(own()).toEqual([]);
    expect(tab.view.outgoing.map((o) => o.on)).toEqual(['later', 'way']);
    await clock.run(5000);
    expect(own()).toEqual(['one', 'two']);
  });

  it('shows what was refused and goes on with the rest', async () => {
    const tab = browser.tab();
    await clock.run(1000);
    desk.answers.push((id) => ({ t: 'refused', id, code: 'too-long' }));
    tab.talk.write('long');
    tab.talk.write('short');
    await clock.run(1000);
    expect(own()).toEqual(['short']);
    const refused = tab.view.outgoing[0];
    expect(refused?.on).toBe('refused');
    tab.talk.retry(refused?.id ?? '');
    await clock.run(1000);
    expect(own()).toEqual(['short', 'long']);
  });

  it('sends by itself after too many', async () => {
    const tab = browser.tab();
    await clock.run(1000);
    desk.answers.push((id) => ({ t: 'refused', id, code: 'too-many', after: 10 }));
    tab.talk.write('one');
    await clock.run(5000);
    expect(tab.view.outgoing[0]?.on).toBe('too-many');
    await clock.run(6000);
    expect(own()).toEqual(['one']);
  });

  it('begins as a stranger when the token is none', async () => {
    const tab = browser.tab();
    const token = tab.talk.identify();
    await clock.run(1000);
    desk.tell({ t: 'bye', code: 'bad-token' });
    [...desk.lines][0]?.give({ t: 'bye', code: 'bad-token' }, true);
    await clock.run(1000);
    expect(tab.talk.token).not.toBe(token);
    expect(tab.view.link).toBe('live');
  });

  it('stops where there is no such chat', async () => {
    const tab = browser.tab();
    await clock.run(1000);
    [...desk.lines][0]?.give({ t: 'bye', code: 'unknown-channel' }, true);
    await clock.run(600_000);
    expect(tab.view.link).toBe('unknown-channel');
    expect(network.lines.size).toBe(0);
  });
});

describe('where WebSockets are blocked', () => {
  it('asks over HTTP, sends and receives', async () => {
    network.sockets = false;
    const tab = browser.tab();
    await clock.run(5000);
    expect(tab.view.link).toBe('polling');
    tab.talk.write('hello');
    await clock.run(3000);
    desk.say('good day');
    await clock.run(3000);
    expect(tab.texts).toEqual(['hello', 'good day']);
    expect(tab.twice).toEqual([]);
  });

  it('returns to a socket when one gets through', async () => {
    network.sockets = false;
    const tab = browser.tab();
    await clock.run(5000);
    network.sockets = true;
    await clock.run(130_000);
    expect(tab.view.link).toBe('live');
  });

  it('says so when HTTP is lost as well, and comes back', async () => {
    network.sockets = false;
    const tab = browser.tab();
    await clock.run(5000);
    network.down = true;
    await clock.run(5000);
    expect(tab.view.link).toBe('lost');
    network.down = false;
    await clock.run(60_000);
    expect(tab.view.link).toBe('polling');
  });
});
