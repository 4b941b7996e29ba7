import { afterEach, expect, it } from 'vitest';
import { go, holdBack, href, route } from './router.svelte';

let release = () => {};
afterEach(() => {
  release();
  go('/');
});

it('asks before it leaves, and stays when told so', () => {
  go('/admin/a');
  const asked: string[] = [];
  let may = false;
  release = holdBack((to) => {
    asked.push(to);
    return may;
  });
  go('/admin/a');
  expect(asked).toEqual([]);
  go('/admin/b');
  expect([route(), location.pathname]).toEqual(['/admin/a', href('/admin/a')]);
  history.replaceState(null, '', href('/elsewhere')); // the browser has gone back
  dispatchEvent(new PopStateEvent('popstate'));
  expect([route(), location.pathname]).toEqual(['/admin/a', href('/admin/a')]);
  may = true;
  go('/admin/b');
  expect(route()).toBe('/admin/b');
  expect(asked).toEqual(['/admin/b', '/elsewhere', '/admin/b']);
});

it('asks no longer when it was released, and only for the page that asked last', () => {
  const first = holdBack(() => false);
  release = holdBack(() => true);
  first();
  go('/x');
  expect(route()).toBe('/x');
  const last = holdBack(() => false);
  go('/y');
  expect(route()).toBe('/x');
  last();
  go('/y');
  expect(route()).toBe('/y');
});
