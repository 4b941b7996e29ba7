/** What the palette offers by itself: pages and acts. People and conversations are found while one types. */
import type { IconName } from '$lib/components/drawings';
import { t, type TextKey } from '$lib/i18n/index.svelte';
import type { Desk } from '$lib/live/types';
import { go } from '$lib/router.svelte';
import { choose, settings } from '$lib/settings.svelte';
import { show } from '../../app/overlays.svelte';
import { mayAdminister } from '../../app/pages';

export type PaletteGroup = 'conversations' | 'people' | 'acts' | 'pages';

export interface Entry {
  id: string;
  group: PaletteGroup;
  text: string;
  detail?: string;
  icon?: IconName;
  presence?: string;
  person?: { id: string; name: string; plugin?: string };
  keys?: string;
  /** What else it is found by. */
  also?: string;
  /** run does it; true keeps the palette open, because something else is to be shown in it. */
  run: () => void | boolean | Promise<void | boolean>;
}

const presences = ['available', 'busy', 'do-not-disturb', 'away', 'offline'] as const;

/** pages are the ones that this person may see. */
export function pages(desk: Desk): Entry[] {
  const page = (path: string, name: string, icon: IconName, keys?: string): Entry => ({
    id: path, group: 'pages', text: t(`workspace.palette.page.${name}` as TextKey), icon, keys, run: () => go(path),
  });
  const list = [page('/', 'conversations', 'inbox', 'g i')];
  if (mayAdminister(desk.me.role)) {
    list.push(
      page('/admin/accounts', 'accounts', 'plug', 'g a'),
      page('/admin/plugins', 'plugins', 'box'),
      page('/admin/people', 'people', 'users'),
      page('/admin/configuration', 'configuration', 'code'),
      page('/admin/audit', 'audit', 'history'),
    );
  }
  list.push(page('/diagnosis', 'diagnosis', 'pulse'));
  return list;
}

/** acts are what can be done from everywhere. */
export function acts(desk: Desk, leave: () => Promise<void>): Entry[] {
  const act = (name: string, icon: IconName, run: Entry['run'], keys?: string): Entry => ({
    id: name, group: 'acts', text: t(`workspace.palette.act.${name}` as TextKey), icon, keys, run,
  });
  const dark = document.documentElement.dataset.theme === 'dark';
  const compact = settings.density === 'compact';
  return [
    ...presences.filter((p) => p !== desk.presence?.presence).map((presence): Entry => ({
      id: `presence-${presence}`, group: 'acts', presence,
      text: t('workspace.palette.act.presence', { presence: t(`common.presence.${presence}`) }),
      also: t(`common.presence.${presence}`),
      run: () => desk.setPresence(presence),
    })),
    act(dark ? 'light' : 'dark', 'theme', () => choose({ theme: dark ? 'light' : 'dark' })),
    act(compact ? 'comfortable' : 'compact', 'layers', () => choose({ density: compact ? 'comfortable' : 'compact' })),
    act('settings', 'sliders', () => (show('settings'), true)),
    act('shortcuts', 'zap', () => (show('shortcuts'), true), '?'),
    act('password', 'key', () => (show('password'), true)),
    act('sign-out', 'door', leave),
  ];
}
