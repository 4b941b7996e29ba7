import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Me } from '../api/client';
import { createDesk } from './desk.svelte';
import { FakeServer, seeded } from './fake';
import type { Desk, Thread, ViewName } from './types';

/**
 * Whatever happens on the way, the store ends up with what a fresh snapshot would be, and what was written arrives once
 * and in order. Each seed plays another day: customers write, colleagues take over, the network comes and goes.
 */
const runs = Number(process.env.RUNS ?? 25);
const steps = 120;

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance', 'requestAnimationFrame', 'cancelAnimationFrame'],
    now: new Date('2026-11-17T09:00:00Z'),
  });
  localStorage.clear();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const people = {
  agent: { id: 'ana', email: '', name: 'Ana', role: 'agent', capacity: 4 },
  supervisor: { id: 'ana', email: '', name: 'Ana', role: 'supervisor', capacity: 4 },
} satisfies Record<string, Me>;

/** Play is one day at the desk. */
class Play {
  readonly server: FakeServer;
  desk: Desk;
  threads = new Map<string, Thread>();
  readonly written = new Map<string, string[]>(); // by conversation, the texts in their order
  #texts = 0;

  constructor(
    readonly me: Me,
    readonly random: () => number,
  ) {
    vi.spyOn(Math, 'random').mockImplementation(random);
    this.server = new FakeServer({ agent: me.id, all: me.role !== 'agent', queues: ['q1'] }, random);
    this.server.slowness = 400; // so that much happens between a question and its answer
    this.server.install();
    for (let i = 0; i < 4; i++) this.server.add(this.server.pick(['q1', 'q2'])!);
    this.desk = createDesk(me);
  }

  async pass(ms: number): Promise<void> {
    await vi.advanceTimersByTimeAsync(ms);
    this.look();
  }

  /** look checks what must hold at every moment. */
  look(): void {
    for (const thread of this.threads.values()) {
      const shown = new Set(thread.messages.map((m) => m.id));
      const doubled = thread.pending.filter((p) => shown.has(p.id)).map((p) => p.text);
      expect(doubled, 'shown twice').toEqual([]);
      const seqs = thread.messages.map((m) => m.seq);
      expect(seqs, 'holes').toEqual(seqs.map((_, i) => seqs[0]! + i));
      if (thread.state !== 'ready') continue;
      const there = new Set([...thread.messages, ...thread.pending].map((m) => m.text));
      const first = thread.messages[0]?.seq ?? 1;
      const before = new Set(this.server.get(thread.id).messages.filter((m) => m.seq < first).map((m) => m.text)); // prettier-ignore
      const missing = (this.written.get(thread.id) ?? []).filter((text) => !there.has(text) && !before.has(text));
      expect(missing, 'vanished').toEqual([]);
    }
  }

  some(): string | undefined {
    return this.server.pick([...this.server.conversations.keys()]);
  }

  open(id: string): Thread {
    const thread = this.desk.thread(id);
    this.threads.set(id, thread);
    return thread;
  }

  write(id: string): void {
    const thread = this.threads.get(id);
    if (!thread || thread.state !== 'ready') return;
    const text = `text ${++this.#texts}`;
    this.written.set(id, [...(this.written.get(id) ?? []), text]);
    thread.send(text, this.random() < 0.3 ? 'internal' : 'public', []);
  }

  reload(): void {
    const open = [...this.threads.keys()];
    this.desk.stop();
    this.threads.clear();
    this.desk = createDesk(this.me);
    for (const id of open) this.open(id);
  }

  step(): void {
    const { server } = this;
    const id = this.some()!;
    const kept = server.get(id);
    const open = kept.c.state !== 'closed';
    const acts: [number, () => void][] = [
      [3, () => server.add(server.pick(['q1', 'q2'])!)],
      [8, () => open && server.say(id, { kind: 'customer', id: kept.c.contact.id, name: '' }, 'hello')],
      [3, () => open && server.say(id, { kind: 'agent', id: 'bo', name: 'Bo' }, 'I take it', { state: 'queued' })],
      [3, () => open && server.change(id, ({ c }) => Object.assign(c, { state: 'active', assignee: server.pick(['ana', 'bo']) }))],
      [2, () => open && server.change(id, ({ c }) => Object.assign(c, { state: 'waiting', former: c.assignee || 'bo', assignee: '' }))],
      [2, () => open && server.change(id, ({ c }) => Object.assign(c, { state: 'open', queue: server.pick(['q1', 'q2']), assignee: '', queued_since: new Date().toISOString() }))],
      [1, () => open && server.change(id, ({ c }) => Object.assign(c, { state: 'closed', former: c.assignee || 'bo', assignee: '', closed_at: new Date().toISOString() }))],
      [2, () => kept.c.state === 'open' && server.offer(id, server.pick(['ana', 'ana', 'bo'])!)],
      [6, () => kept.messages.length && server.edit(id, server.pick(kept.messages)!.seq, { state: server.pick(['sent', 'delivered', 'failed'] as const)! })],
      [1, () => server.rename(id, `Léa ${this.random()}`)],
      [1, () => server.setPresence(server.pick(['available', 'busy', 'away'])!)],
      [2, () => this.desk.offers[0] && void this.desk[this.random() < 0.5 ? 'accept' : 'decline'](this.desk.offers[0].id).catch(() => {})],
      [5, () => this.open(id)],
      [1, () => this.close(id)],
      [10, () => this.write(server.pick([...this.threads.keys()]) ?? id)],
      [1, () => void this.threads.get(id)?.loadOlder()],
      [1, () => this.threads.get(id)?.read()],
      [1, () => void this.desk.view(server.pick<ViewName>(['waiting', 'mine', 'closed'])!).loadMore()],
      [3, () => server.cut(this.random() < 0.2, server.pick([1006, 1001, 1013, 4002]))],
      [1, () => (server.network = server.pick(['down', 'blocked', 'up'])!)],
      [2, () => (server.network = 'up')],
      [1, () => (server.loss = server.pick([0, 0.1, 0.4])!)],
      [1, () => ((server.epoch = server.log.length + 1), server.cut())],
      [1, () => window.dispatchEvent(new Event('online'))],
      [1, () => this.reload()],
    ]; // prettier-ignore
    let chance = this.random() * acts.reduce((sum, [weight]) => sum + weight, 0);
    acts.find(([weight]) => (chance -= weight) < 0)![1]();
  }

  close(id: string): void {
    this.threads.get(id)?.close();
    this.threads.delete(id);
  }

  /** rest lets the network work and waits until everything has arrived. */
  async rest(): Promise<void> {
    this.server.network = 'up';
    this.server.loss = 0;
    for (const id of this.written.keys()) this.open(id);
    for (let round = 0; round < 8; round++) {
      await this.pass(100_000);
      for (const thread of this.threads.values()) {
        for (const p of thread.pending) {
          if (p.state === 'answered-meanwhile') thread.resend(p.id);
          if (p.state !== 'refused') continue;
          const wrong = this.server.get(thread.id).messages.some((m) => m.id === p.id);
          expect(wrong, 'refused and yet sent').toBe(false);
          this.written.set(thread.id, this.written.get(thread.id)!.filter((text) => text !== p.text)); // prettier-ignore
          thread.discard(p.id);
        }
      }
    }
  }

  async compare(): Promise<void> {
    const { server, desk } = this;
    expect(desk.link).toBe('live');
    const views: ViewName[] = this.me.role === 'agent' ? ['mine', 'waiting', 'closed'] : ['mine', 'waiting', 'all', 'closed'];
    for (const name of views) {
      const view = desk.view(name);
      await this.pass(1_000);
      const head = view.items.length;
      const brief = (list: readonly { id: string; version: number; contact: { name: string } }[]) => list.map((c) => `${c.id} ${c.version} ${name === 'closed' ? '' : c.contact.name}`); // a new name is not told of what is closed
      expect(brief(view.items), name).toEqual(brief(server.list(name).slice(0, head)));
      expect(view.more, `${name} goes on`).toBe(head < server.list(name).length);
      while (view.more) await Promise.all([view.loadMore(), vi.advanceTimersByTimeAsync(500)]);
      expect(brief(view.items), `${name} to its end`).toEqual(brief(server.list(name)));
    }
    expect(desk.counts.mine).toBe(server.list('mine').length);
    expect(desk.counts.waiting).toBe(server.list('waiting').length);
    expect(desk.offers.map((o) => o.id).sort()).toEqual(server.offers().map((o) => o.id).sort()); // prettier-ignore
    expect(desk.presence?.presence).toBe(server.presence);
    for (const thread of this.threads.values()) {
      const kept = server.get(thread.id);
      const sight = server.holds(kept) || server.in({ queue: kept.c.state === 'open' ? kept.c.queue : '', agents: [kept.c.assignee, ...(['waiting', 'closed'].includes(kept.c.state) ? [kept.c.former ?? ''] : [])] }); // prettier-ignore
      expect(thread.state, `${thread.id} is ${sight ? '' : 'not '}in sight`).toBe(sight ? 'ready' : 'gone');
      if (!sight) continue;
      const first = thread.messages[0]?.seq ?? 1;
      expect(thread.messages).toEqual(kept.messages.filter((m) => m.seq >= first));
      expect(thread.older, `${thread.id} from ${first} of ${kept.messages.length}`).toBe(first > 1);
      expect(thread.detail?.version).toBe(kept.c.version);
      expect(thread.pending).toEqual([]);
    }
    for (const [id, texts] of this.written) {
      const mine = server.get(id).messages.filter((m) => m.from.id === 'ana');
      expect(mine.map((m) => m.text), 'arrived once, in order').toEqual(texts); // prettier-ignore
    }
  }
}

describe.each(Object.entries(people))('the store of one %s', (_, me) => {
  test.each(Array.from({ length: runs }, (_, i) => i + 1))(
    'ends up with what a fresh snapshot says, seed %i',
    async (seed) => {
      const play = new Play(me, seeded(seed * 7919));
      for (let i = 0; i < steps; i++) {
        play.step();
        await play.pass(play.random() < 0.03 ? 70_000 : play.random() * 150);
      }
      await play.rest();
      await play.compare();
      play.desk.stop();
    },
    60_000,
  );
});
