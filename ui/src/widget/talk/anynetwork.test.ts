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

/** A small generator of chance, so that a failure can be had again. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) | 0;
    return ((state ^ (state >>> 12)) >>> 0) / 2 ** 32;
  };
}

describe('whatever the network does', () => {
  it.each(Array.from({ length: 100 }, (_, i) => i + 1))('each message is there once and in order on both sides (seed %i)', async (seed) => {
    const roll = dice(seed);
    browser.chance = roll();
    desk.pageSize = 5;
    desk.tellsPositions = roll() < 0.5;
    let tabs = [browser.tab('a'), browser.tab('b')];
    const written: Record<string, string[]> = { a: [], b: [] };
    const ours: string[] = [];
    const twice: string[] = [];
    for (let step = 0; step < 60; step++) {
      const which = roll() < 0.6 ? 0 : 1;
      const name = which === 0 ? 'a' : 'b';
      const what = roll();
      if (what < 0.35) {
        const text = `${name}${written[name]!.length}`;
        written[name]!.push(text);
        tabs[which]!.talk.write(text);
      } else if (what < 0.5) {
        if (desk.messages.length > 0) ours.push(desk.say(`x${ours.length}`).text);
      } else if (what < 0.62) network.cut();
      else if (what < 0.7) network.down = !network.down;
      else if (what < 0.74) network.dead = !network.dead;
      else if (what < 0.8) network.sockets = !network.sockets;
      else if (what < 0.86) {
        twice.push(...tabs[which]!.twice);
        tabs[which]!.leave();
        tabs = tabs.map((tab, i) => (i === which ? browser.tab(name) : tab));
      } else if (what < 0.9) desk.answers.push((id) => ({ t: 'later', id, after: 2 }));
      await clock.run(roll() * 3000);
    }
    Object.assign(network, { down: false, dead: false, sockets: roll() < 0.7 });
    await clock.run(200_000);

    const stored = own();
    expect([...stored].sort()).toEqual([...written.a!, ...written.b!].sort());
    for (const name of ['a', 'b']) expect(stored.filter((t) => t.startsWith(name))).toEqual(written[name]);
    for (const tab of tabs) {
      while (tab.view.more) {
        tab.talk.older();
        await clock.run(11_000);
      }
      expect(tab.texts).toEqual(desk.messages.map((m) => m.text));
      twice.push(...tab.twice);
    }
    expect(twice).toEqual([]);
  });
});
