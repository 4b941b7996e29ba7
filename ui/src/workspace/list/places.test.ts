import { expect, it } from 'vitest';
import { Places } from './places';

const given = (places: Places, rows: string, how?: Parameters<Places['give']>[1]) => {
  places.give([...rows], how);
  return [...rows].map((id) => places.of(id));
};
/** page is how the rows stand on the page. */
const page = (places: Places, rows: string, how?: Parameters<Places['give']>[1]) => places.give([...rows], how).map((i) => rows[i]).join('');

it('lets rows keep their places, and gives those of others to the ones that come', () => {
  const places = new Places();
  expect(given(places, 'abcd')).toEqual([0, 1, 2, 3]);
  expect(given(places, 'cdef')).toEqual([2, 3, 0, 1]);
  expect(given(places, 'wxyz')).toEqual([2, 3, 0, 1]);
  expect(places.of('a')).toBeUndefined();
});

it('gives a place to one row only', () => {
  const places = new Places();
  given(places, 'abc');
  expect(new Set(given(places, 'cxyzw')).size).toBe(5);
});

it('fills nothing else into the place of the row that has the focus', () => {
  const places = new Places();
  given(places, 'abc');
  expect(given(places, 'xyz', { spared: 'b' })).toEqual([0, 2, 3]);
  expect(given(places, 'bxy')[0]).not.toBe(1);
});

it('has the rows on the page in their order, but moves nothing while it is to be still', () => {
  const places = new Places();
  expect(page(places, 'abcd')).toBe('abcd');
  expect(page(places, 'cdef', { still: true })).toBe('efcd');
  expect(page(places, 'defgh', { still: true })).toBe('efgdh');
  expect(page(places, 'fgh', { still: true })).toBe('fgh');
  expect(page(places, 'bcdef', { still: true })).toHaveLength(5);
  expect(page(places, 'bcdef')).toBe('bcdef');
  expect(page(places, 'cdefg', { still: true })).toBe('gcdef');
});
