import { expect, it } from 'vitest';
import type { Ringing } from '$lib/live/types';
import { Heard } from './heard';

const offer = (id: string, endsAt: number): Ringing => ({ id, conversation: `c-${id}`, queue: 'q', contact: { id: 'x', name: 'X' }, remaining_ms: 0, endsAt, totalMs: 60_000 }) as Ringing;
const ids = (list: Ringing[]) => list.map((o) => o.id);

it('hears each offer when it comes, once more before its end, and forgets it when it is over', () => {
  const heard = new Heard();
  const one = offer('a', 60_000);
  expect(ids(heard.look([one], 0).begun)).toEqual(['a']);
  expect(heard.look([one], 1000)).toEqual({ begun: [], ending: [], over: [] });
  expect(ids(heard.look([one, offer('b', 120_000)], 30_000).begun)).toEqual(['b']);
  expect(ids(heard.look([one], 50_000).ending)).toEqual(['a']);
  expect(heard.look([one], 51_000).ending).toEqual([]);
  expect(heard.look([], 60_000).over).toEqual(['a']);
  expect(ids(heard.look([one], 61_000).begun)).toEqual(['a']);
});
