import { flushSync } from 'svelte';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createDesk } from './desk.svelte';
import { Draft } from './draft.svelte';
import { FakeServer, seeded } from './fake';
import type { Desk, Thread } from './types';

const me = { id: 'ana', email: '', name: 'Ana', role: 'agent' as const, capacity: 4 };
let server: FakeServer;
let desk: Desk;
let thread: Thread;
let draft: Draft;
let id: string;
const key = () => `guichet.draft.ana.${id}`;
const kept = () => JSON.parse(localStorage.getItem(key()) ?? 'null') as { text: string; saved: boolean } | null;
const saves = () => server.calls.filter((call) => call.startsWith('PUT') && call.endsWith('/draft')).length;

async function pass(ms: number): Promise<void> {
  flushSync();
  await vi.advanceTimersByTimeAsync(ms);
  flushSync();
}

async function open(): Promise<void> {
  thread = desk.thread(id);
  draft = new Draft(thread);
  await pass(1_500);
}

beforeEach(async () => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance', 'requestAnimationFrame', 'cancelAnimationFrame'],
    now: new Date('2026-11-17T09:00:00Z'),
  });
  localStorage.clear();
  const random = seeded(5);
  vi.spyOn(Math, 'random').mockImplementation(random);
  server = new FakeServer({ agent: 'ana', all: false, queues: ['q1'] }, random);
  server.install();
  id = server.add('q1');
  desk = createDesk(me);
  await open();
});

afterEach(() => {
  draft.close();
  desk.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('it is kept here at once and at the server after a moment without a key', async () => {
  for (const text of ['H', 'He', 'Hel']) {
    draft.text = text;
    await pass(300);
  }
  expect([kept(), saves(), draft.state]).toEqual([expect.objectContaining({ text: 'Hel', saved: false }), 0, 'saving']);
  await pass(1_000);
  expect([server.draft?.text, saves(), draft.state, kept()?.saved]).toEqual(['Hel', 1, 'saved', true]);
});

test('opened again it is there at once', async () => {
  draft.text = 'Hello';
  draft.visibility = 'internal';
  await pass(2_000);
  draft.close();
  const again = new Draft(thread);
  expect([again.text, again.visibility, again.state]).toEqual(['Hello', 'internal', 'saved']);
  again.close();
});

test('closing saves what was not saved yet', async () => {
  draft.text = 'Hello';
  draft.close();
  await pass(500);
  expect(server.draft?.text).toBe('Hello');
  expect(kept()?.saved).toBe(true);
});

test('without the server it is kept here, and saved when it is back', async () => {
  server.network = 'down';
  server.cut();
  draft.text = 'Hello';
  await pass(10_000);
  expect([draft.state, kept()?.text, server.draft]).toEqual(['kept here', 'Hello', undefined]);
  server.network = 'up';
  window.dispatchEvent(new Event('online'));
  await pass(2_000);
  expect([draft.state, server.draft?.text]).toEqual(['saved', 'Hello']);
});

test('another device’s newer copy is taken over, an older one is not', async () => {
  draft.text = 'from here';
  await pass(2_000);
  draft.close();
  thread.close();
  server.draft = { text: 'from the phone', visibility: 'internal', updated_at: new Date(Date.now() + 1_000).toISOString() };
  await open();
  expect([draft.text, draft.visibility]).toEqual(['from the phone', 'internal']);
  draft.close();
  thread.close();
  server.draft = { text: 'older', visibility: 'public', updated_at: new Date(Date.now() - 60_000).toISOString() };
  await open();
  expect(draft.text).toBe('from the phone');
});

test('it does not change under the hands of somebody who writes', async () => {
  server.network = 'down';
  draft.text = 'writing';
  server.network = 'up';
  server.draft = { text: 'from the phone', visibility: 'public', updated_at: new Date(Date.now() + 100_000).toISOString() };
  server.change(id, ({ c }) => (c.unread = 1));
  await pass(700);
  expect(draft.text).toBe('writing');
});

test('what was sent leaves nothing behind', async () => {
  draft.text = 'Hello';
  await pass(2_000);
  thread.send('Hello', 'public', []);
  draft.clear();
  expect([draft.text, kept(), draft.state]).toEqual(['', null, 'saved']);
  await pass(5_000);
  expect(draft.text).toBe('');
});

test('what was on its way when it was sent is taken back', async () => {
  draft.text = 'Hello';
  await pass(801);
  draft.clear();
  await pass(3_000);
  expect([server.draft, draft.text, draft.state, kept()]).toEqual([undefined, '', 'saved', null]);
});

test('what was on its way when it was sent is taken back, also after the conversation was left', async () => {
  draft.text = 'Hello';
  await pass(801);
  draft.clear();
  draft.close();
  await pass(3_000);
  expect([server.draft, kept()]).toEqual([undefined, null]);
});

test('the last keys before a conversation is left are saved, also while others are on their way', async () => {
  draft.text = 'Hel';
  await pass(801);
  draft.text = 'Hello';
  draft.close();
  await pass(3_000);
  expect([server.draft?.text, kept()]).toEqual(['Hello', expect.objectContaining({ text: 'Hello', saved: true })]);
});

/** held sends a message that stays on its way: somebody else has answered before. */
async function held(text: string): Promise<void> {
  server.say(id, { kind: 'customer', id: 'p', name: '' }, 'hello');
  await pass(500);
  server.say(id, { kind: 'agent', id: 'bo', name: 'Bo' }, 'I take it');
  thread.send(text, 'public', []);
  draft.clear();
  await pass(1_500);
  expect(thread.pending.map((p) => p.state)).toEqual(['answered-meanwhile']);
}

test('what is on its way does not come back as a draft', async () => {
  draft.text = 'Hello ';
  await pass(2_000);
  await held('Hello');
  draft.close();
  thread.close();
  await open();
  expect([server.draft?.text, draft.text]).toEqual(['Hello ', '']);
  thread.resend(thread.pending[0]!.id);
  await pass(3_000);
  expect([thread.pending, server.draft, draft.text]).toEqual([[], undefined, '']);
});

test('what is begun while a message is on its way outlives it', async () => {
  await held('one');
  draft.text = 'two';
  await pass(2_000);
  expect([server.draft?.text, kept()?.saved]).toEqual(['two', false]); // the server will drop it with the message
  thread.resend(thread.pending[0]!.id);
  await pass(3_000);
  expect([thread.pending, server.draft?.text, draft.text, kept()?.saved]).toEqual([[], 'two', 'two', true]);
});

test('what is begun while a message is on its way outlives a reload', async () => {
  await held('one');
  draft.text = 'two';
  await pass(2_000);
  draft.close();
  thread.resend(thread.pending[0]!.id);
  await pass(3_000);
  expect(server.draft).toBeUndefined();
  thread.close();
  await open();
  await pass(2_000);
  expect([server.draft?.text, draft.text]).toEqual(['two', 'two']);
});

test('what was sent from another device is gone here too', async () => {
  draft.text = 'Hello';
  await pass(2_000);
  draft.close();
  thread.close();
  server.draft = undefined;
  await open();
  expect([draft.text, kept()]).toEqual(['', null]);
});

test('what is shown from another device goes when it is sent there', async () => {
  draft.close();
  thread.close();
  server.draft = { text: 'from the phone', visibility: 'public', updated_at: new Date(Date.now() + 1_000).toISOString() };
  await open();
  expect(draft.text).toBe('from the phone');
  server.draft = undefined;
  server.say(id, { kind: 'agent', id: 'ana', name: 'Ana' }, 'from the phone');
  await pass(3_000);
  expect([draft.text, kept()]).toEqual(['', null]);
});
