import { afterEach, expect, test, vi } from 'vitest';
import { signOut } from './leave';

afterEach(() => {
  localStorage.clear();
  vi.unstubAllGlobals();
});

test.each([
  [204, ['guichet.draft.ana.C2', 'guichet.outbox.ana.M1']],
  [401, ['guichet.draft.ana.C2', 'guichet.outbox.ana.M1']],
  [503, ['guichet.draft.ana.C1', 'guichet.draft.ana.C2', 'guichet.outbox.ana.M1']],
])('signing out (%i) leaves in the browser what only the browser has', async (status, left) => {
  vi.stubGlobal('fetch', async () => new Response(status === 204 ? null : '{"code":"x"}', { status, headers: { 'Content-Type': 'application/json' } }));
  localStorage.setItem('guichet.draft.ana.C1', JSON.stringify({ text: 'a', saved: true }));
  localStorage.setItem('guichet.draft.ana.C2', JSON.stringify({ text: 'b', saved: false }));
  localStorage.setItem('guichet.outbox.ana.M1', '{}');
  await signOut().catch(() => {});
  expect(Object.keys(localStorage).sort()).toEqual(left);
});
