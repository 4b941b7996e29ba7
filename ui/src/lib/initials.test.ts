import { expect, test } from 'vitest';
import { initials, wash } from './initials';

test('initials come from the first and the last word', () => {
  expect(initials('Leïla Mansouri')).toBe('LM');
  expect(initials('Ana de la Cruz')).toBe('AC');
  expect(initials('  noor ')).toBe('NO');
  expect(initials('Visitor 312')).toBe('V3');
  expect(initials('中村 恵')).toBe('中');
  expect(initials('🙂 (Sam) Olsen')).toBe('SO');
  expect(initials('+33 6 12')).toBe('31');
  expect(initials('🙂')).toBe('');
});

test('a person keeps their wash, and people differ', () => {
  expect(wash('01J8')).toBe(wash('01J8'));
  const used = new Set(Array.from({ length: 60 }, (_, i) => wash(`01J8Z${i}`)));
  expect([...used].sort()).toEqual([1, 2, 3, 4, 5, 6]);
});
