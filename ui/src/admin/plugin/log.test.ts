import { expect, it } from 'vitest';
import { ApiError, Unreachable, type Schema } from '$lib/api/client';
import { asText, LiveLog, matching } from './log.svelte';

const line = (number: number, text = `line ${number}`) => ({ number, at: '2026-11-21T10:00:00Z', text });
const texts = (lines: readonly { text: string }[]) => lines.map((l) => l.text);

/** A server that has lines 1 to `last`. */
function server() {
  const s = { last: 0, down: false, asked: [] as number[] };
  const ask = async (after: number): Promise<Schema<'PluginLog'>> => {
    s.asked.push(after);
    if (s.down) throw new Unreachable();
    const items = Array.from({ length: Math.max(0, s.last - after) }, (_, i) => line(after + i + 1));
    return { items, next: items.at(-1)?.number ?? after };
  };
  return { s, log: new LiveLog(ask) };
}

it('asks for what it has not seen', async () => {
  const { s, log } = server();
  s.last = 2;
  await log.poll();
  s.last = 3;
  await log.poll();
  expect([s.asked, texts(log.lines)]).toEqual([[0, 2], ['line 1', 'line 2', 'line 3']]);
});

it('stands still while somebody reads, and loses nothing', async () => {
  const { s, log } = server();
  s.last = 1;
  await log.poll();
  log.pause();
  s.last = 3;
  await log.poll();
  expect([texts(log.lines), log.waiting.length]).toEqual([['line 1'], 2]);
  log.follow();
  expect([texts(log.lines), log.waiting.length]).toEqual([['line 1', 'line 2', 'line 3'], 0]);
});

it('keeps the last two thousand lines', async () => {
  const { s, log } = server();
  s.last = 2500;
  await log.poll();
  expect([log.lines.length, log.lines[0]!.number]).toEqual([2000, 501]);
});

it('begins anew when the server was away', async () => {
  const { s, log } = server();
  s.last = 5;
  await log.poll();
  s.down = true;
  await log.poll();
  expect(log.failure).toBeInstanceOf(Unreachable);
  Object.assign(s, { down: false, last: 2 });
  await log.poll();
  expect([log.failure, texts(log.lines)]).toEqual([undefined, ['line 1', 'line 2']]);
});

it('knows a plugin that has not run', async () => {
  const log = new LiveLog(() => Promise.reject(new ApiError(404, 'not-found', 'It has not run.')));
  await log.poll();
  expect([log.never, log.failure]).toEqual([true, undefined]);
});

it('finds words and writes a file', () => {
  const lines = [line(1, 'An Error'), line(2, 'fine')];
  expect(texts(matching(lines, ' error '))).toEqual(['An Error']);
  expect(matching(lines, '')).toBe(lines);
  expect(asText(lines)).toBe('2026-11-21T10:00:00Z An Error\n2026-11-21T10:00:00Z fine\n');
});
