import { language } from './i18n/index.svelte';

const offered = ['ar', 'bg', 'cs', 'da', 'de', 'el', 'en', 'es', 'fa', 'fi', 'fr', 'he', 'hi', 'hu', 'id', 'it', 'ja', 'ko', 'nl', 'no', 'pl', 'pt', 'ro', 'ru', 'sv', 'th', 'tr', 'uk', 'vi', 'zh'];

/** languageName is the name of a language, in the language of the interface; of what is none, the tag itself. */
export function languageName(tag: string): string {
  try {
    const name = new Intl.DisplayNames(language(), { type: 'language' }).of(tag) ?? tag;
    return name.charAt(0).toLocaleUpperCase(language()) + name.slice(1);
  } catch {
    return tag;
  }
}

/** languageOf is the name of a language where the tag names one: with its first letter as sentences have it; else "". */
export function languageOf(tag: string): string {
  try {
    const name = new Intl.DisplayNames(language(), { type: 'language', fallback: 'none' }).of(tag.trim());
    return name ?? '';
  } catch {
    return '';
  }
}

/** languageChoices are the languages to choose from, by name, with the present one even when it is a rare one. */
export function languageChoices(present: string): { tag: string; name: string }[] {
  const tags = present && !offered.includes(present) ? [...offered, present] : offered;
  return tags.map((tag) => ({ tag, name: languageName(tag) })).sort((a, b) => a.name.localeCompare(b.name, language()));
}
