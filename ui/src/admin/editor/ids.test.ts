import { expect, it } from 'vitest';
import { kebab, propose, wellFormed } from './ids';

it.each([
  ['Shop on LINE', 'shop-on-line'],
  ['Café du Nord', 'cafe-du-nord'],
  ['L’Atelier d’Inès', 'latelier-dines'],
  ['  24/7 Help!! ', 'help'],
  ['店', ''],
  ['Straße', 'strasse'],
])('an id of “%s”', (name, id) => {
  expect(kebab(name)).toBe(id);
  expect(id === '' || wellFormed(id)).toBe(true);
});

it('proposes what is not taken', () => {
  expect(propose('Shop', [], 'line')).toBe('shop');
  expect(propose('Shop', ['shop', 'shop-2'], 'line')).toBe('shop-3');
  expect(propose('店', ['line'], 'line')).toBe('line-2');
  const long = propose('a'.repeat(80), ['a'.repeat(64)], 'x');
  expect(long).toBe('a'.repeat(62) + '-2');
});

it('knows ids that are not written as ids are', () => {
  for (const id of ['', 'Shop', 'a b', 'a_b', '-a', 'a-', 'a--b', 'é', 'a'.repeat(65)]) expect(wellFormed(id), id).toBe(false);
  expect(wellFormed('a')).toBe(true);
});
