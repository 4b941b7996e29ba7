import { expect, test } from 'vitest';
import { best, fit } from './find';

test('each word of the query begins a word of the text, accents and case aside', () => {
  expect(fit('leila man', 'Leïla Mansouri')).toBeGreaterThan(0);
  expect(fit('man leila', 'Leïla Mansouri')).toBeGreaterThan(0);
  expect(fit('souri', 'Leïla Mansouri')).toBe(0);
  expect(fit('leila x', 'Leïla Mansouri')).toBe(0);
  expect(fit('', 'anything')).toBeGreaterThan(0);
  expect(fit('中村', '中村 恵')).toBeGreaterThan(0);
  expect(fit('l man', "L'Atelier Mansouri")).toBeGreaterThan(0);
});

test('the same word cannot answer two words of the query before another does', () => {
  expect(fit('ne ne', 'Ne pas déranger, ne rien')).toBe(3);
});

test('what begins with the query comes first, then what has it in order, then the rest', () => {
  const items = ['Go away', 'Away', 'Away, to go', 'Busy'];
  expect(best('away', items, (i) => i)).toEqual(['Away', 'Away, to go', 'Go away']);
  expect(best('go away', items, (i) => i)).toEqual(['Go away', 'Away, to go']);
});
