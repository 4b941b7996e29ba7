import { remembered } from './remembered';

/** What one person has chosen for this browser: theme, density, sounds. Kept in the browser, never sent. */
export interface Settings {
  theme: 'system' | 'light' | 'dark';
  density: 'comfortable' | 'compact';
  sound: boolean;
  desktopNotifications: boolean;
  enterSends: boolean;
  singleKeys: boolean; // letters as shortcuts
}

const key = 'guichet.settings';
const first: Settings = { theme: 'system', density: 'comfortable', sound: true, desktopNotifications: false, enterSends: false, singleKeys: true };

export const settings = $state<Settings>({ ...first, ...remembered.read<Partial<Settings>>(key) });

/** choose changes settings and keeps them. */
export function choose(changes: Partial<Settings>): void {
  Object.assign(settings, changes);
  remembered.write(key, settings);
  show();
}

const dark = globalThis.matchMedia?.('(prefers-color-scheme: dark)');
dark?.addEventListener('change', show);

/** show puts theme and density on the page. */
export function show(): void {
  const theme = settings.theme === 'system' ? (dark?.matches ? 'dark' : 'light') : settings.theme;
  document.documentElement.dataset.theme = theme;
  document.documentElement.dataset.density = settings.density;
}
