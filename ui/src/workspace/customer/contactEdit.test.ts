import { expect, test } from 'vitest';
import { changed, joined, meanwhile, type Fields } from './contactEdit';

const read: Fields = { name: 'Leïla', email: '', phone: '1', company: '', language: 'fr', note: 'Old' };

test('only what was changed is sent', () => {
  expect(changed(read, { ...read, email: 'l@example.com', phone: '' })).toEqual({ email: 'l@example.com', phone: '' });
});

test('what a colleague changed is told, and where both wrote somebody has to choose', () => {
  const typed = { ...read, name: 'Leïla B.', note: 'Mine', company: 'Atelier' };
  const now = { ...read, name: 'Leïla B.', note: 'Theirs', phone: '2' };
  expect(meanwhile(read, typed, now)).toEqual([
    { field: 'name', before: 'Leïla', now: 'Leïla B.', clash: false },
    { field: 'phone', before: '1', now: '2', clash: false },
    { field: 'note', before: 'Old', now: 'Theirs', clash: true },
  ]);
  expect(joined(read, typed, now)).toEqual({ ...typed, phone: '2' });
});

test('nothing is told where nothing of it was changed', () => {
  expect(meanwhile(read, { ...read, note: 'Mine' }, read)).toEqual([]);
});
