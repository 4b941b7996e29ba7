/** The texts of the faces, by key, in both languages. */
import enAdmin from '../../src/lib/i18n/en/admin.json';
import enCommon from '../../src/lib/i18n/en/common.json';
import enEntry from '../../src/lib/i18n/en/entry.json';
import enWorkspace from '../../src/lib/i18n/en/workspace.json';
import { fill, type Values } from '../../src/lib/i18n/format';
import frAdmin from '../../src/lib/i18n/fr/admin.json';
import frCommon from '../../src/lib/i18n/fr/common.json';
import frEntry from '../../src/lib/i18n/fr/entry.json';
import frWorkspace from '../../src/lib/i18n/fr/workspace.json';
import enChat from '../../src/widget/panel/texts/en.json';
import frChat from '../../src/widget/panel/texts/fr.json';

export type Language = 'en' | 'fr';
export type Catalogue = Record<string, string>;

export const faces: Record<Language, Catalogue> = {
  en: { ...enAdmin, ...enCommon, ...enEntry, ...enWorkspace },
  fr: { ...frAdmin, ...frCommon, ...frEntry, ...frWorkspace },
};
export const chat: Record<Language, Catalogue> = { en: enChat, fr: frChat };

/** inWords gives the texts of a language: say('common.close'). A key that does not exist fails the test. */
export const inWords =
  (catalogues: Record<Language, Catalogue>, language: Language) =>
  (key: string, values: Values = {}): string => {
    const text = catalogues[language][key];
    if (text === undefined) throw new Error(`there is no text ${key}`);
    return fill(text, values, language);
  };
