/** The chat's own small catalogue, English and French. `t` is reactive. */
import { fill, type Values } from '$lib/i18n/format';
import en from './texts/en.json';
import french from './texts/fr.json?url';

export type TextKey = keyof typeof en;
export type Language = 'en' | 'fr';

/** The panel comes in English; another language is fetched when it is spoken. */
let texts = $state.raw<Record<TextKey, string>>(en);
let current = $state<Language>('en');
let tagged = $state('en');
let wished = '';

/** language is the one that the texts are in. */
export const language = (): Language => current;

/** format is the language tag for times and numbers: British English where nothing else is known. */
export const tag = (): string => (tagged === 'en' ? 'en-GB' : tagged);

/**
 * speak chooses the language for a tag such as fr-CH; languages without a catalogue are spoken to in English. Where its
 * texts cannot be fetched, nothing changes.
 */
export async function speak(wish: string): Promise<void> {
  wished = wish;
  const primary = wish.toLowerCase().split('-')[0];
  const to = primary === 'fr' ? 'fr' : 'en';
  let found: typeof texts = en;
  try {
    if (to === 'fr') found = current === 'fr' ? texts : await (await fetch(french)).json();
  } catch {
    return;
  }
  if (wish !== wished) return; // another one was chosen meanwhile
  texts = found;
  current = to;
  tagged = primary === current ? wish : current;
}

export function t(key: TextKey, values: Values = {}): string {
  return fill(texts[key], values, tag());
}

/** has tells whether a text exists for a key that was put together. */
export function has(key: string): key is TextKey {
  return key in en;
}
