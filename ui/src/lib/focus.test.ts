import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { keepFocus } from './focus';

let stop: () => void;
beforeEach(() => {
  document.body.innerHTML = `
    <main id="main" tabindex="-1">
      <button id="far">far</button>
      <section data-focus-home="#near"><p id="near" tabindex="0">near</p><details open><summary id="fold">fold</summary><button id="inner">inner</button></details><button id="act">act</button></section>
    </main>`;
  vi.spyOn(HTMLElement.prototype, 'getClientRects').mockReturnValue([{}] as unknown as DOMRectList);
  stop = keepFocus('#main');
});
afterEach(() => {
  stop();
  vi.restoreAllMocks();
});

const at = (id: string) => document.getElementById(id)!;
const drawn = () => new Promise<void>((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(() => done())))));
async function gone(id: string): Promise<string | undefined> {
  at(id).focus();
  at(id).remove();
  (document.activeElement as HTMLElement | null)?.blur?.();
  await drawn();
  return document.activeElement?.id;
}

test('what goes away leaves the focus to the nearest place', async () => {
  expect(await gone('inner')).toBe('fold');
  expect(await gone('act')).toBe('near');
  expect(await gone('far')).toBe('main');
});

test('who takes the focus with purpose keeps it', async () => {
  at('act').focus();
  at('act').remove();
  at('far').focus();
  await drawn();
  expect(document.activeElement?.id).toBe('far');
});

test('the focus is left alone while what has it is there', async () => {
  at('act').focus();
  at('far').remove();
  (document.activeElement as HTMLElement).blur();
  await drawn();
  expect(document.activeElement).toBe(document.body);
});
