import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Colleagues } from './colleagues.svelte';

const me = { id: 'ana', email: '', name: 'Ana', role: 'agent' as const, capacity: 4 };
let agents: { id: string; name: string; presence?: string }[];
let asked: number;
let status: number;
let colleagues: Colleagues;

beforeEach(() => {
  vi.useFakeTimers();
  agents = [{ id: 'bo', name: 'Bo' }];
  asked = 0;
  status = 200;
  vi.stubGlobal('fetch', async () => {
    asked++;
    return new Response(JSON.stringify(status === 200 ? { items: agents, next: '' } : { code: 'unavailable' }), { status, headers: { 'Content-Type': 'application/json' } });
  });
  colleagues = new Colleagues(me);
});
afterEach(() => {
  colleagues.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('names are known once they were asked for, one’s own always', async () => {
  expect([colleagues.name('ana'), colleagues.name('')]).toEqual(['Ana', '']);
  await colleagues.ask();
  expect([colleagues.name('bo'), colleagues.all.map((a) => a.id), asked]).toEqual(['Bo', ['bo'], 1]);
});

test('who is missing is asked for, but not again and again', async () => {
  await colleagues.ask();
  for (let i = 0; i < 5; i++) expect(colleagues.name('cy')).toBe('');
  await vi.advanceTimersByTimeAsync(29_000);
  expect(asked).toBe(1);
  agents.push({ id: 'cy', name: 'Cy' });
  await vi.advanceTimersByTimeAsync(2_000);
  expect([asked, colleagues.name('cy')]).toEqual([2, 'Cy']);
  colleagues.name('nobody');
  await vi.advanceTimersByTimeAsync(31_000);
  colleagues.name('nobody'); // asked for, and not there
  await vi.advanceTimersByTimeAsync(120_000);
  expect(asked).toBe(3);
});

test('after a failure a name that is missed is asked for again', async () => {
  status = 503;
  colleagues.name('bo');
  await vi.advanceTimersByTimeAsync(1);
  status = 200;
  colleagues.name('bo');
  await vi.advanceTimersByTimeAsync(31_000);
  expect([asked, colleagues.name('bo')]).toEqual([2, 'Bo']);
});

test('who has left goes, and presence follows what the socket tells', async () => {
  await colleagues.ask();
  colleagues.presence({ agent: 'bo', presence: 'busy', load: 2 });
  colleagues.presence({ agent: 'stranger', presence: 'busy', load: 2 });
  expect(colleagues.all).toEqual([expect.objectContaining({ id: 'bo', presence: 'busy', load: 2 })]);
  agents = [];
  await colleagues.ask();
  expect(colleagues.all).toEqual([]);
});
