/** The shortcuts that act on every page behind the sign-in. */
import { register, type Shortcut } from '$lib/keyboard';
import type { Desk } from '$lib/live/types';
import { go } from '$lib/router.svelte';
import { show } from './overlays.svelte';
import { mayAdminister } from './pages';
import { openSessions } from './sessions';

/** everywhere registers them, until the returned function is called. */
export function everywhere(desk: Desk): () => void {
  const session = (n: number): Shortcut => ({
    keys: `alt+${n}`,
    text: 'workspace.shortcut.session',
    group: 'everywhere',
    act: () => {
      const conversation = openSessions(desk)[n - 1];
      if (!conversation) return false;
      go(`/conversations/${conversation.id}`);
    },
  });
  return register([
    { keys: 'mod+k', text: 'workspace.shortcut.palette', group: 'everywhere', act: () => show('palette') },
    { keys: '?', text: 'workspace.shortcut.sheet', group: 'everywhere', act: () => show('shortcuts') },
    { keys: 'g i', text: 'workspace.shortcut.go-inbox', group: 'everywhere', act: () => go('/') },
    { keys: 'g a', text: 'workspace.shortcut.go-admin', group: 'everywhere', when: () => mayAdminister(desk.me.role), act: () => go('/admin/accounts') },
    ...Array.from({ length: 9 }, (_, i) => session(i + 1)),
  ]);
}
