import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Search } from './search.svelte';

let asked: string[];
let answer: (query: string) => Promise<unknown>;

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  answer = async (query) => ({ contacts: [{ id: query, name: query }], conversations: [] });
  vi.stubGlobal('fetch', async (request: Request) => {
    const query = new URL(request.url).searchParams.get('query')!;
    asked.push(query);
    return new Response(JSON.stringify(await answer(query)), { headers: { 'Content-Type': 'application/json' } });
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('asks once the typing pauses, not for each letter, and not for a single one', async () => {
  const search = new Search();
  search.ask('l');
  await vi.advanceTimersByTimeAsync(1_000);
  for (const typed of ['le', 'lei', 'leil']) search.ask(typed);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(asked).toEqual(['leil']);
  expect([search.state, search.contacts[0]?.id]).toEqual(['done', 'leil']);
});

test('an answer that comes after a later question is dropped', async () => {
  const search = new Search();
  let late = (_: unknown) => {};
  const usual = answer;
  answer = () => new Promise((resolve) => (late = resolve));
  search.ask('slow');
  await vi.advanceTimersByTimeAsync(200);
  answer = usual;
  search.ask('quick');
  await vi.advanceTimersByTimeAsync(200);
  late({ contacts: [{ id: 'slow' }], conversations: [] });
  await vi.advanceTimersByTimeAsync(10);
  expect(search.contacts[0]?.id).toBe('quick');
});

test('an emptied field shows nothing found', async () => {
  const search = new Search();
  search.ask('leila');
  await vi.advanceTimersByTimeAsync(200);
  search.ask('');
  expect([search.state, search.contacts]).toEqual(['idle', []]);
});
