import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Conversation } from '$lib/api/client';
import { Elsewhere } from './elsewhere.svelte';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());
const found = (id: string) => [{ id } as Conversation];

it('asks once the writer pauses, and not for a single letter', async () => {
  const ask = vi.fn((query: string) => Promise.resolve(found(query)));
  const elsewhere = new Elsewhere(ask);
  for (const query of ['l', 'le', 'lei']) elsewhere.look(query);
  await vi.advanceTimersByTimeAsync(1000);
  expect(ask.mock.calls).toEqual([['lei']]);
  expect(elsewhere.items.map((c) => c.id)).toEqual(['lei']);
  elsewhere.look('');
  expect(elsewhere.items).toEqual([]);
});

it('shows nothing of an answer that comes after a newer question', async () => {
  const answers: Record<string, (list: Conversation[]) => void> = {};
  const elsewhere = new Elsewhere((query) => new Promise((done) => (answers[query] = done)));
  elsewhere.look('old');
  await vi.advanceTimersByTimeAsync(300);
  elsewhere.look('new');
  await vi.advanceTimersByTimeAsync(300);
  answers.new!(found('n'));
  answers.old!(found('o'));
  await vi.advanceTimersByTimeAsync(0);
  expect(elsewhere.items.map((c) => c.id)).toEqual(['n']);
});

it('takes a failure for nothing found', async () => {
  const elsewhere = new Elsewhere(() => Promise.reject(new Error('down')));
  elsewhere.look('lei');
  await vi.advanceTimersByTimeAsync(300);
  expect([elsewhere.items, elsewhere.asking]).toEqual([[], false]);
});
