/** The chat's own small catalogue, English and French. `t` is reactive. */
import { fill, type Values } from '$lib/i18n/format';
import en from './texts/en.json';
import fr from './texts/fr.json';

export type TextKey = keyof typeof en;
export type Language = 'en' | 'fr';
const catalogues: Record<Language, Record<TextKey, string>> = { en, fr };

let current = $state<Language>('en');
let tagged = $state('en');

/** language is the one that the texts are in. */
export const language = (): Language => current;

/** format is the language tag for times and numbers: British English where nothing else is known. */
export const tag = (): string => (tagged === 'en' ? 'en-GB' : tagged);

/** speak chooses the language for a tag such as fr-CH; languages without a catalogue are spoken to in English. */
export function speak(wish: string): void {
  const primary = wish.toLowerCase().split('-')[0];
  current = primary === 'fr' ? 'fr' : 'en';
  tagged = primary === current ? wish : current;
}

export function t(key: TextKey, values: Values = {}): string {
  return fill(catalogues[current][key], values, tag());
}

/** has tells whether a text exists for a key that was put together. */
export function has(key: string): key is TextKey {
  return key in en;
}
