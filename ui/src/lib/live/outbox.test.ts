import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { onSignedOut } from '../api/client';
import { person } from '../person';
import { remembered } from '../remembered';
import { createDesk } from './desk.svelte';
import { FakeServer, seeded } from './fake';
import type { Desk, Thread } from './types';

const me = { id: 'ana', email: '', name: 'Ana', role: 'agent' as const, capacity: 4 };
let server: FakeServer;
let desk: Desk;
let thread: Thread;
let id: string;

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const own = () => server.get(id).messages.filter((m) => m.from.id === 'ana').map((m) => m.text); // prettier-ignore
const shown = () => [...thread.messages, ...thread.pending].map((m) => m.text);
const states = () => thread.pending.map((p) => p.state);
const keys = () => Object.keys(localStorage).filter((key) => key.startsWith('guichet.outbox.'));

async function open(): Promise<void> {
  desk = createDesk(me);
  thread = desk.thread(id);
  await pass(1_000);
}

beforeEach(async () => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance', 'requestAnimationFrame', 'cancelAnimationFrame'],
    now: new Date('2026-11-17T09:00:00Z'),
  });
  localStorage.clear();
  const random = seeded(3);
  vi.spyOn(Math, 'random').mockImplementation(random);
  server = new FakeServer({ agent: 'ana', all: false, queues: ['q1'] }, random);
  server.install();
  id = server.add('q1');
  server.say(id, { kind: 'customer', id: 'p', name: '' }, 'hello');
  await open();
});

afterEach(() => {
  desk.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('a message is there at once, and once', async () => {
  thread.send('hi', 'public', []);
  expect([shown(), states(), keys().length]).toEqual([['hello', 'hi'], ['sending'], 1]);
  for (let i = 0; i < 100; i++) {
    await pass(5);
    expect(shown()).toEqual(['hello', 'hi']);
  }
  expect([thread.pending, keys(), own()]).toEqual([[], [], ['hi']]);
  expect(thread.messages[1]?.state).toBe('queued');
});

test('without a connection messages are kept, and go in their order when it is back', async () => {
  server.network = 'down';
  server.cut();
  thread.send('one', 'public', []);
  thread.send('two', 'internal', []);
  thread.send('three', 'public', []);
  await pass(40_000);
  expect([states(), own()]).toEqual([['kept', 'kept', 'kept'], []]);
  server.network = 'up';
  window.dispatchEvent(new Event('online'));
  await pass(2_000);
  expect([own(), thread.pending]).toEqual([['one', 'two', 'three'], []]);
});

test('what a page has left is sent by the next one', async () => {
  server.network = 'down';
  thread.send('one', 'public', [{ id: 'U1', name: 'a.png', type: 'image/png', size: 3 }]);
  thread.send('two', 'public', []);
  await pass(100);
  desk.stop();
  server.network = 'up';
  await open();
  await pass(2_000);
  expect([own(), thread.pending, keys()]).toEqual([['one', 'two'], [], []]);
});

test('what another person has left on this browser stays theirs', async () => {
  server.network = 'down';
  thread.send('one', 'public', []);
  await pass(100);
  desk.stop();
  server.network = 'up';
  server.viewer.agent = 'cy';
  desk = createDesk({ ...me, id: 'cy' });
  await pass(5_000);
  expect([server.get(id).messages.length, keys().length]).toEqual([1, 1]);
});

test('when another tab signs somebody else in, nothing is sent in their name', async () => {
  server.network = 'down';
  thread.send('one', 'public', []);
  await pass(100);
  const asked = vi.fn();
  const end = onSignedOut(asked);
  server.network = 'up';
  server.viewer.agent = 'cy';
  person.enters('cy'); // while this tab slept: no event has come
  window.dispatchEvent(new Event('online'));
  await pass(60_000);
  end();
  expect([server.get(id).messages.length, keys().length, desk.link, asked.mock.calls.length > 0]).toEqual([1, 1, 'signed-out', true]);
  server.viewer.agent = 'ana';
  desk.resume();
  await pass(5_000);
  expect([own(), thread.pending]).toEqual([['one'], []]);
});

test.each([
  ['its tab is told', () => window.dispatchEvent(new StorageEvent('storage', { key: 'guichet.person' }))],
  ['the server greets somebody else', () => (server.cut(), (server.epoch = 1e9))],
])('a tab notices that somebody else has signed in: %s', async (how, happens) => {
  server.viewer.agent = 'cy';
  if (how === 'its tab is told') person.enters('cy');
  happens();
  await pass(5_000);
  expect(desk.link).toBe('signed-out');
});

test('a message that was stored and whose answer was lost is not stored twice', async () => {
  thread.send('one', 'public', []);
  await vi.waitFor(async () => {
    await pass(1);
    expect(own()).toEqual(['one']);
  });
  desk.stop(); // before the answer
  expect(keys()).toHaveLength(1);
  await open();
  await pass(2_000);
  expect([own(), shown(), keys()]).toEqual([['one'], ['hello', 'one'], []]);
});

test('an answer of somebody else holds a reply back until its author has seen it', async () => {
  server.say(id, { kind: 'agent', id: 'bo', name: 'Bo' }, 'I take it');
  thread.send('me too', 'public', []);
  thread.send('and this', 'public', []);
  await pass(1_000);
  expect([states(), own()]).toEqual([['answered-meanwhile', 'kept'], []]);
  expect(thread.pending[0]?.error).toMatchObject({ code: 'answered-meanwhile' });
  desk.stop();
  await open();
  expect([states()[0], own()]).toEqual(['answered-meanwhile', []]);
  thread.resend(thread.pending[0]!.id);
  await pass(1_000);
  thread.resend(thread.pending[0]?.id ?? ''); // it had seen as little as the first one
  await pass(1_000);
  expect([own(), thread.pending]).toEqual([['me too', 'and this'], []]);
});

test('a note is not held back by what others have said', async () => {
  server.say(id, { kind: 'agent', id: 'bo', name: 'Bo' }, 'I take it');
  thread.send('for us', 'internal', []);
  await pass(1_000);
  expect([own(), thread.pending]).toEqual([['for us'], []]);
});

test('a refused message says why and lets the next one pass', async () => {
  server.status = 403;
  thread.send('one', 'public', []);
  await pass(500);
  server.status = 0;
  thread.send('two', 'public', []);
  await pass(1_000);
  expect([states(), own()]).toEqual([['refused'], ['two']]);
  expect(thread.pending[0]?.error).toMatchObject({ status: 403 });
  thread.discard(thread.pending[0]!.id);
  expect([thread.pending, keys()]).toEqual([[], []]);
});

test('a server in trouble is asked again', async () => {
  server.status = 507;
  thread.send('one', 'public', []);
  await pass(5_000);
  expect([states(), thread.pending[0]?.error]).toEqual([['kept'], expect.objectContaining({ status: 507 })]);
  server.status = 0;
  await pass(31_000);
  expect([own(), thread.pending]).toEqual([['one'], []]);
});

test('what one tab writes, another shows, and forgets when it has gone', async () => {
  const key = 'guichet.outbox.ana.01TEST';
  const kept = { id: '01TEST', conversation: id, text: 'from there', visibility: 'public', attachments: [], createdAt: Date.now(), lastSeen: 1 };
  localStorage.setItem(key, JSON.stringify(kept));
  window.dispatchEvent(new StorageEvent('storage', { key, newValue: JSON.stringify(kept) }));
  expect(shown()).toEqual(['hello', 'from there']);
  await pass(3_000);
  expect(own()).toEqual([]); // the other tab is at it
  localStorage.removeItem(key);
  window.dispatchEvent(new StorageEvent('storage', { key, newValue: null }));
  expect(shown()).toEqual(['hello']);
});

test('what another tab has left is sent here in the end', async () => {
  const key = 'guichet.outbox.ana.01TEST';
  const kept = { id: '01TEST', conversation: id, text: 'from there', visibility: 'public', attachments: [], createdAt: Date.now(), lastSeen: 1 };
  localStorage.setItem(key, JSON.stringify(kept));
  window.dispatchEvent(new StorageEvent('storage', { key, newValue: JSON.stringify(kept) }));
  await pass(15_000);
  expect([own(), shown(), keys()]).toEqual([['from there'], ['hello', 'from there'], []]);
});

test('what another tab has discarded while this one slept is not sent', async () => {
  server.network = 'down';
  thread.send('one', 'public', []);
  thread.send('two', 'public', []);
  await pass(100);
  localStorage.removeItem(keys().sort()[0]!); // no event has come
  server.network = 'up';
  await pass(5_000);
  expect([own(), thread.pending]).toEqual([['two'], []]);
});

test('what another tab has settled is not held up by what this one was answered before', async () => {
  server.say(id, { kind: 'agent', id: 'bo', name: 'Bo' }, 'I take it');
  thread.send('me too', 'public', []);
  localStorage.removeItem(keys()[0]!);
  await pass(1_000);
  expect([thread.pending, keys()]).toEqual([[], []]);
});

test('a browser that forgets everything loses nothing of what is on the page', async () => {
  server.network = 'down';
  thread.send('one', 'public', []);
  await pass(100);
  localStorage.clear();
  server.network = 'up';
  await pass(5_000);
  expect(own()).toEqual(['one']);
});

test('a page with something that the browser could not keep is not left without a question', async () => {
  const asks = () => !window.dispatchEvent(new Event('beforeunload', { cancelable: true }));
  server.network = 'down';
  thread.send('one', 'public', []);
  expect(asks()).toBe(false);
  const full = vi.spyOn(remembered, 'write').mockReturnValue(false);
  thread.send('two', 'public', []);
  full.mockRestore();
  expect(asks()).toBe(true);
  server.network = 'up';
  await pass(40_000);
  expect([own(), asks()]).toEqual([['one', 'two'], false]);
});
