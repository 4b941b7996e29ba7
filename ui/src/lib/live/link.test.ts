import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { onSignedOut } from '../api/client';
import { createDesk } from './desk.svelte';
import { FakeServer, seeded } from './fake';
import type { Desk } from './types';

const me = { id: 'ana', email: '', name: 'Ana', role: 'agent' as const, capacity: 4 };
let server: FakeServer;
let desk: Desk;

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance', 'requestAnimationFrame', 'cancelAnimationFrame'],
    now: new Date('2026-11-17T09:00:00Z'),
  });
  localStorage.clear();
  const random = seeded(1);
  vi.spyOn(Math, 'random').mockImplementation(random);
  server = new FakeServer({ agent: 'ana', all: false, queues: ['q1'] }, random);
  server.install();
});

afterEach(() => {
  desk.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const attempts = () => server.opened;

async function live(): Promise<void> {
  desk = createDesk(me);
  expect(desk.link).toBe('connecting');
  await pass(1_000);
  expect(desk.link).toBe('live');
}

test('a link that breaks says since when, and comes back from where it was', async () => {
  server.add('q1');
  await live();
  const before = new Date();
  await pass(21_000); // a ping
  server.network = 'down';
  server.cut();
  await pass(100);
  expect(desk.link).toBe('reconnecting');
  expect(desk.lastLive!.getTime()).toBeGreaterThan(before.getTime());
  expect(desk.lastLive!.getTime()).toBeLessThanOrEqual(Date.now());
  expect(desk.view('waiting').items).toHaveLength(1);
  server.network = 'up';
  await pass(5_000);
  expect(desk.link).toBe('live');
  expect(server.last!.searchParams.get('since')).toBe('1');
});

test('pauses between attempts grow to fifteen seconds and no further', async () => {
  await live();
  server.network = 'down';
  server.cut();
  await pass(60_000);
  const some = attempts();
  await pass(60_000);
  const more = attempts() - some;
  expect(more).toBeGreaterThanOrEqual(4);
  expect(more).toBeLessThanOrEqual(8);
});

test('a socket that is silent for 45 seconds is given up', async () => {
  await live();
  server.cut(true);
  await pass(40_000);
  expect(desk.link).toBe('live');
  await pass(12_000);
  expect(attempts()).toBe(2);
  expect(desk.link).toBe('live');
});

test('a socket that is not silent is left alone', async () => {
  await live();
  await pass(600_000);
  expect(attempts()).toBe(1);
});

test('after a sleep it connects again at once', async () => {
  await live();
  await pass(2_000);
  vi.setSystemTime(Date.now() + 3_600_000);
  await pass(5_500);
  expect(attempts()).toBe(2);
  expect(desk.link).toBe('live');
});

test('becoming visible, or online, does not wait for the pause to pass', async () => {
  await live();
  server.network = 'down';
  server.cut();
  await pass(120_000);
  server.network = 'up';
  window.dispatchEvent(new Event('online'));
  await pass(300);
  expect(desk.link).toBe('live');
  server.network = 'down';
  server.cut();
  await pass(120_000);
  server.network = 'up';
  document.dispatchEvent(new Event('visibilitychange'));
  await pass(300);
  expect(desk.link).toBe('live');
});

test('without a network it says offline', async () => {
  await live();
  const onLine = vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false);
  server.network = 'down';
  window.dispatchEvent(new Event('offline'));
  expect(desk.link).toBe('offline');
  await pass(20_000);
  expect(desk.link).toBe('offline');
  onLine.mockReturnValue(true);
  server.network = 'up';
  window.dispatchEvent(new Event('online'));
  await pass(500);
  expect(desk.link).toBe('live');
});

test.each([4001, 4003])('closed with %i it stays away and says so', async (code) => {
  await live();
  const told = vi.fn();
  const end = onSignedOut(told);
  server.cut(false, code);
  await pass(60_000);
  end();
  expect(desk.link).toBe('signed-out');
  expect(told).toHaveBeenCalledOnce();
  expect(attempts()).toBe(1);
  desk.resume();
  await pass(1_000);
  expect(desk.link).toBe('live');
});

test.each([1001, 1013, 4002])('closed with %i it comes back', async (code) => {
  await live();
  server.cut(false, code);
  await pass(2_000);
  expect(desk.link).toBe('live');
});

test('a refused cookie signs out wherever it is met', async () => {
  await live();
  server.status = 401;
  desk.setPresence('away').catch(() => {});
  await pass(100);
  expect(desk.link).toBe('signed-out');
});

test('where WebSockets are blocked it asks every few seconds, and tries them again each minute', async () => {
  server.network = 'blocked';
  const id = server.add('q1');
  desk = createDesk(me);
  await pass(5_000);
  expect(desk.link).toBe('polling');
  expect(desk.view('waiting').items.map((c) => c.id)).toEqual([id]);
  server.offer(id, 'ana');
  await pass(5_000);
  expect(desk.offers).toHaveLength(1);
  const thread = desk.thread(id);
  await pass(500);
  server.say(id, { kind: 'customer', id: 'p', name: '' }, 'hello');
  await pass(5_000);
  expect(thread.messages.map((m) => m.text)).toEqual(['hello']);
  expect(thread.detail?.last_seq).toBe(1);
  server.edit(id, 1, { text: 'hello there' });
  await pass(5_000);
  expect(thread.messages.map((m) => m.text)).toEqual(['hello there']);
  const some = attempts();
  await pass(125_000);
  expect(attempts() - some).toBe(2);
  server.network = 'up';
  await pass(65_000);
  expect(desk.link).toBe('live');
  server.calls = [];
  await pass(30_000);
  expect(server.calls.filter((call) => call.includes('/offers'))).toEqual([]);
});

test('a server that is away is not taken for a blocked WebSocket', async () => {
  server.network = 'down';
  desk = createDesk(me);
  await pass(60_000);
  expect(desk.link).toBe('reconnecting');
  server.network = 'blocked';
  server.status = 503;
  await pass(60_000);
  expect(desk.link).toBe('reconnecting');
});

test('polling that meets silence says so', async () => {
  server.network = 'blocked';
  desk = createDesk(me);
  await pass(5_000);
  expect(desk.link).toBe('polling');
  server.network = 'down';
  await pass(5_000);
  expect(desk.link).toBe('reconnecting');
  server.network = 'up';
  await pass(20_000);
  expect(desk.link).toBe('live');
});

test('who looks and who types is told, forgotten with the link, and said again after it', async () => {
  const id = server.add('q1');
  await live();
  const thread = desk.thread(id);
  await pass(500);
  expect(server.heard).toEqual([{ type: 'viewing', conversation: id }]);
  server.socket.tell({ type: 'viewers', conversation: id, agents: ['ana', 'bo'] });
  server.socket.tell({ type: 'typing', conversation: id, from: { kind: 'customer', id: 'p', name: '' } });
  server.socket.tell({ type: 'typing', conversation: id, from: { kind: 'agent', id: 'bo', name: 'Bo' } });
  await pass(500);
  expect([thread.viewers, thread.customerTyping, thread.colleaguesTyping]).toEqual([['bo'], true, ['bo']]);
  server.say(id, { kind: 'customer', id: 'p', name: '' }, 'here');
  await pass(500);
  expect(thread.customerTyping).toBe(false);
  await pass(6_000);
  expect(thread.colleaguesTyping).toEqual([]);
  server.cut();
  await pass(50);
  expect(thread.viewers).toEqual([]);
  await pass(2_000);
  expect(server.heard.at(-1)).toEqual({ type: 'viewing', conversation: id });
  expect(server.heard).toHaveLength(2);
  thread.typing(true);
  thread.typing(true);
  expect(server.heard.filter((f) => f.type === 'typing')).toHaveLength(1);
  thread.close();
  expect(server.heard.at(-1)).toEqual({ type: 'viewing', conversation: '' });
});

test('the clock of the server is the best of what its pings say', async () => {
  await live();
  for (const late of [400, 20, 300]) {
    server.socket.tell({ type: 'ping', at: new Date(Date.now() + 90_000 - late).toISOString() });
    await pass(200);
  }
  expect(Math.abs(desk.skew - 90_000)).toBeLessThan(200);
});

test('a stale version does not come back', async () => {
  const id = server.add('q1');
  await live();
  const old = server.get(id).c;
  server.change(id, ({ c }) => (c.unread = 3));
  await pass(500);
  server.socket.tell({ type: 'conversation', seq: server.log.length, conversation: old });
  await pass(500);
  expect(desk.conversation(id)?.unread).toBe(3);
});
