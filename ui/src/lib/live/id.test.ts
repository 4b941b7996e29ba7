import { expect, test } from 'vitest';
import { newId } from './id';

test('an id is a ULID that begins with its moment', () => {
  const at = Date.parse('2030-01-02T03:04:05.678Z');
  const id = newId(at);
  expect(id).toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
  const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  expect([...id.slice(0, 10)].reduce((n, d) => n * 32 + digits.indexOf(d), 0)).toBe(at);
});

test('later ones sort later, also within a millisecond and when the clock is set back', () => {
  const at = Date.parse('2031-01-01T00:00:00Z');
  const made = [...Array.from({ length: 2_000 }, () => newId(at)), newId(at - 3_600_000), newId(at + 1)];
  expect(made).toEqual([...made].sort());
  expect(new Set(made).size).toBe(made.length);
});
