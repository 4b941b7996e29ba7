import { expect, it } from 'vitest';
import { Places } from './places';

const given = (places: Places, rows: string, spared?: string) => {
  places.give([...rows], spared);
  return [...rows].map((id) => places.of(id));
};

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
  expect(given(places, 'xyz', 'b')).toEqual([0, 2, 3]);
  expect(given(places, 'bxy')[0]).not.toBe(1);
});
