import { expect, it } from 'vitest';
import { lengthOf, room, type Unit } from './length';

const family = '👩‍👩‍👧';

it('counts as the channel does', () => {
  const counts = (text: string) => (['characters', 'utf16', 'bytes', 'graphemes'] as Unit[]).map((unit) => lengthOf(text, unit));
  expect(counts('né')).toEqual([2, 2, 3, 2]);
  expect(counts('ne\u0301')).toEqual([3, 3, 4, 2]);
  expect(counts(family)).toEqual([5, 8, 18, 1]);
  expect(counts('')).toEqual([0, 0, 0, 0]);
});

it('tells how much room there is when little is left', () => {
  const chat = { text_max: 100, text_unit: 'characters' as Unit };
  expect(room('x'.repeat(89), chat, false)).toBeUndefined();
  expect(room('x'.repeat(90), chat, false)).toBe(10);
  expect(room('x'.repeat(100), chat, false)).toBe(0);
  expect(room('😀'.repeat(100), chat, false)).toBe(0);
  expect(room('😀'.repeat(101), chat, false)).toBe(-1);
  expect(room('é'.repeat(46), { text_max: 100, text_unit: 'bytes' }, false)).toBe(8);
  expect(room(family.repeat(95), { text_max: 100, text_unit: 'graphemes' }, false)).toBe(5);
});

it('leaves notes and channels without a limit to the limit of every message', () => {
  const chat = { text_max: 100, text_unit: 'characters' as Unit };
  expect(room('x'.repeat(500), chat, true)).toBeUndefined();
  expect(room('x'.repeat(29_999), { text_max: 0 }, false)).toBeUndefined();
  expect(room('x'.repeat(29_999), undefined, false)).toBeUndefined();
  for (const note of [true, false]) expect(room('é'.repeat(15_001), { text_max: 0 }, note)).toBe(-2);
  expect(room('x'.repeat(30_001), chat, false)).toBe(-29_901);
});
