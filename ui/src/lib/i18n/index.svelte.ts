/**
 * The texts of the interface, English and French. Each room has its own catalogue file in `en/` and `fr/`; a key is
 * `room.name`. `t` is reactive: what shows a text follows a change of language by itself.
 */
import { remembered } from '../remembered';
import { fill, type Values } from './format';
import enAdmin from './en/admin.json';
import enCommon from './en/common.json';
import enEntry from './en/entry.json';
import enWorkspace from './en/workspace.json';
import frAdmin from './fr/admin.json';
import frCommon from './fr/common.json';
import frEntry from './fr/entry.json';
import frWorkspace from './fr/workspace.json';

export const languages = ['en', 'fr'] as const;
export type Language = (typeof languages)[number];

const english = { ...enCommon, ...enEntry, ...enWorkspace, ...enAdmin };
const french: Record<keyof typeof english, string> = { ...frCommon, ...frEntry, ...frWorkspace, ...frAdmin };
const catalogues: Record<Language, Record<string, string>> = { en: english, fr: french };

export type TextKey = keyof typeof english;

const key = 'guichet.language';

function preferred(): Language {
  for (const wish of [remembered.read(key), ...(globalThis.navigator?.languages ?? [])]) {
    const found = languages.find((l) => typeof wish === 'string' && wish.toLowerCase().startsWith(l));
    if (found) return found;
  }
  return 'en';
}

let current = $state<Language>(preferred());

/** language is the language of the interface now. */
export const language = (): Language => current;

/** setLanguage changes the language, for this browser, at once. */
export function setLanguage(to: Language): void {
  current = to;
  remembered.write(key, to);
  document.documentElement.lang = to;
}

/** t is the text of a key in the language of the interface. */
export function t(key: TextKey, values: Values = {}): string {
  return fill(catalogues[current][key] ?? key, values, current);
}

/** known tells whether a text exists for a key that was put together, such as a problem's code. */
export function known(key: string): key is TextKey {
  return key in english;
}
