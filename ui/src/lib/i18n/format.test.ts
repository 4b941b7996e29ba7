import { describe, expect, test } from 'vitest';
import { fill } from './format';

describe('fill', () => {
  test.each([
    ['Hello', {}, 'en', 'Hello'],
    ['Hello {name}', { name: 'Léa' }, 'en', 'Hello Léa'],
    ['{a}{b}', { a: 'x', b: 'y' }, 'en', 'xy'],
    ['{name} writes', {}, 'en', '{name} writes'],
    ['{count}', { count: 12345 }, 'en', '12,345'],
    ['{count}', { count: 12345 }, 'fr', '12\u202f345'],
    ['{n, plural, one {# message} other {# messages}}', { n: 1 }, 'en', '1 message'],
    ['{n, plural, one {# message} other {# messages}}', { n: 0 }, 'en', '0 messages'],
    ['{n, plural, one {# message} other {# messages}}', { n: 0 }, 'fr', '0 message'],
    ['{n, plural, one {# message} other {# messages}}', { n: 1000 }, 'fr', '1\u202f000 messages'],
    ['{n, plural, =0 {nobody} one {one person} other {# people}} waits', { n: 0 }, 'en', 'nobody waits'],
    ['{n, plural, one {{name} waits} other {{name} and # more wait}}', { n: 3, name: 'Léa' }, 'en', 'Léa and 3 more wait'],
    ['{n, plural, one {un} other {plusieurs}}', { n: 1_000_000 }, 'fr', 'plusieurs'], // "many" has no form of its own
  ])('%s', (text, values, language, want) => {
    expect(fill(text, values, language)).toBe(want);
  });

  test('values are not read as text with places', () => {
    expect(fill('{name} writes', { name: '{other}', other: 'no' }, 'en')).toBe('{other} writes');
  });
});
