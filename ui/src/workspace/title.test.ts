import { expect, it } from 'vitest';
import { pageTitle } from './title';

it('says what is most pressing first', () => {
  expect(pageTitle(0, 0, '')).toBe('Conversations · Guichet');
  expect(pageTitle(0, 6, 'Leïla')).toBe('(6) Leïla · Guichet');
  expect(pageTitle(1, 6, 'Leïla')).toBe('Rings: Leïla · Guichet');
  expect(pageTitle(3, 0, '')).toBe('3 ring: Conversations · Guichet');
});
