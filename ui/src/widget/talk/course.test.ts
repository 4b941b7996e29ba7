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

describe('two tabs', () => {
  it('show the same, in step', async () => {
    const a = browser.tab('a');
    const b = browser.tab('b');
    await clock.run(1000);
    a.talk.write('from a');
    await clock.run(2000);
    b.talk.write('from b');
    await clock.run(2000);
    desk.say('to both');
    await clock.run(2000);
    expect(a.texts).toEqual(['from a', 'from b', 'to both']);
    expect(b.texts).toEqual(a.texts);
    expect(a.talk.token).toBe(b.talk.token);
    expect([...a.twice, ...b.twice]).toEqual([]);
  });

  it('read together', async () => {
    const a = browser.tab('a');
    const b = browser.tab('b');
    b.looking = false;
    await clock.run(1000);
    a.talk.write('hi');
    await clock.run(1000);
    a.looking = false;
    desk.say('hello');
    await clock.run(1000);
    expect([a.view.unread, b.view.unread]).toEqual([1, 1]);
    a.looking = true;
    a.talk.looked();
    await clock.run(1000);
    expect([a.view.unread, b.view.unread]).toEqual([0, 0]);
    expect(desk.seen?.read).toBe(desk.messages.at(-1)?.position);
  });

  it('keep the new token when the old one is refused', async () => {
    const [a, b] = [browser.tab('a'), browser.tab('b')];
    await clock.run(1000);
    a.talk.write('hi');
    await clock.run(1000);
    browser.tabs.delete(b); // a browser in which tabs do not hear of each other
    const old = a.talk.token;
    const lines = [...desk.lines];
    lines.find((line) => !line.hello?.token)!.give({ t: 'bye', code: 'bad-token' }, true);
    await clock.run(100);
    a.talk.write('again');
    await clock.run(1000);
    const now = a.talk.token;
    lines.find((line) => line.hello?.token === old)!.give({ t: 'bye', code: 'bad-token' }, true);
    await clock.run(1000);
    expect([a.talk.token, now !== '' && now !== old]).toEqual([now, true]);
    expect([...desk.lines].map((line) => line.hello?.token).filter(Boolean)).toEqual([now]);
  });

  it('one does not wait for a clock that was set back', async () => {
    const a = browser.tab('a');
    await clock.run(1000);
    network.down = true;
    network.cut();
    a.talk.write('left');
    a.leave();
    clock.now -= 3_600_000;
    network.down = false;
    browser.tab('b');
    await clock.run(10_000);
    expect(own()).toEqual(['left']);
  });

  it('one takes over what the other left behind', async () => {
    const a = browser.tab('a');
    const b = browser.tab('b');
    await clock.run(1000);
    network.down = true;
    network.cut();
    a.talk.write('left behind');
    a.leave();
    network.down = false;
    await clock.run(60_000);
    expect(own()).toEqual(['left behind']);
    expect(b.texts).toEqual(['left behind']);
  });
});

describe('the course of a conversation', () => {
  it('tells who joined, that they write, that it was read, and that it ended', async () => {
    const tab = browser.tab();
    await clock.run(1000);
    tab.talk.write('hi');
    await clock.run(1000);
    desk.stand({ state: 'active', agent: 'Inès', read: desk.messages[0]?.position });
    desk.tell({ t: 'typing', name: 'Inès', on: true });
    await clock.run(100);
    expect(tab.view.joined.map((j) => j.agent)).toEqual(['Inès']);
    expect(tab.view.typing).toBe('Inès');
    expect(tab.view.going).toBe(true);
    await clock.run(9000);
    expect(tab.view.typing).toBeUndefined();
    tab.talk.end();
    await clock.run(1000);
    expect(desk.ends).toHaveLength(1);
    expect([tab.view.ended, tab.view.going]).toEqual([true, false]);
    tab.talk.anew();
    expect(tab.view.ended).toBe(false);
  });

  it('ends it as soon as there is a network, once', async () => {
    const tab = browser.tab();
    await clock.run(1000);
    tab.talk.write('hi');
    await clock.run(1000);
    network.down = true;
    network.cut();
    tab.talk.end();
    await clock.run(60_000);
    expect(tab.view.ended).toBe(false);
    network.down = false;
    await clock.run(60_000);
    expect([desk.ends.length, tab.view.ended]).toEqual([1, true]);
  });

  it('asks again to end where the wish was lost on the way, under its id', async () => {
    network.sockets = false;
    const tab = browser.tab();
    await clock.run(10_000);
    tab.talk.write('hi');
    await clock.run(5000);
    expect(tab.view.link).toBe('polling');
    const hear = desk.hear.bind(desk);
    const asked: string[] = [];
    desk.hear = (frame) => {
      if (frame.t !== 'end') return hear(frame);
      asked.push(frame.id);
      if (asked.length === 1) throw new Error('lost');
      return hear(frame);
    };
    tab.talk.end();
    await clock.run(40_000);
    expect([asked.length, new Set(asked).size, tab.view.ended]).toEqual([2, 1, true]);
  });

  it('does not end a conversation in which the visitor writes on, nor one that is over', async () => {
    const tab = browser.tab();
    await clock.run(1000);
    tab.talk.end();
    tab.talk.write('hi');
    await clock.run(1000);
    network.down = true;
    network.cut();
    tab.talk.end();
    tab.talk.write('one more thing');
    network.down = false;
    await clock.run(60_000);
    expect([desk.ends, own()]).toEqual([[], ['hi', 'one more thing']]);
  });

  it('puts who joined, and what is on its way, where the server’s clock has them', async () => {
    desk.skew = -3_600_000; // this browser is an hour ahead
    const tab = browser.tab();
    await clock.run(1000);
    tab.talk.write('hi');
    expect(Math.abs(tab.view.outgoing[0]!.at - clock.now - desk.skew)).toBeLessThan(100);
    await clock.run(1000);
    desk.stand({ state: 'active', agent: 'Inès' });
    await clock.run(1000);
    desk.say('hello');
    await clock.run(1000);
    expect(tab.view.joined[0]!.at < tab.view.messages[1]!.at).toBe(true);
  });

  it('says at most every three seconds that the visitor writes, and that they stopped', async () => {
    const tab = browser.tab();
    await clock.run(1000);
    tab.talk.write('hi');
    await clock.run(1000);
    const said: boolean[] = [];
    const hear = desk.hear.bind(desk);
    desk.hear = (frame) => (frame.t === 'typing' && said.push(frame.on), hear(frame));
    for (let i = 0; i < 20; i++) {
      tab.talk.composing(false);
      await clock.run(200);
    }
    await clock.run(10_000);
    expect(said).toEqual([true, true, false]);
  });
});
