import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { remembered } from './remembered';

beforeEach(() => localStorage.clear());
afterEach(() => vi.unstubAllGlobals());

/** block forbids storage as browsers do: touching it throws. */
function block(): void {
  vi.stubGlobal('localStorage', new Proxy({}, { get: () => { throw new DOMException('blocked', 'SecurityError'); } })); // prettier-ignore
}

test('what was written is there until it is forgotten', () => {
  expect(remembered.write('a.1', { n: 1 })).toBe(true);
  remembered.write('b.1', 2);
  expect([remembered.read('a.1'), remembered.keys('a.'), remembered.read('none')]).toEqual([{ n: 1 }, ['a.1'], undefined]);
  remembered.forget('a.1');
  expect(remembered.read('a.1')).toBeUndefined();
  localStorage.setItem('c', 'no JSON');
  expect(remembered.read('c')).toBeUndefined();
});

test('a browser that forbids it breaks nothing', async () => {
  block();
  expect([remembered.write('a', 1), remembered.read('a'), remembered.keys('')]).toEqual([false, undefined, []]);
  remembered.forget('a');
  vi.resetModules();
  const { choose, settings } = await import('./settings.svelte');
  const { language, setLanguage } = await import('./i18n/index.svelte');
  choose({ density: 'compact' });
  setLanguage('fr');
  expect([settings.density, document.documentElement.dataset.density, language(), document.documentElement.lang]).toEqual(['compact', 'compact', 'fr', 'fr']);
});
