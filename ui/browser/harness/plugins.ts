/** What the plugins of a desk say of themselves, in both languages. */
import type { Page } from 'playwright-core';
import type { Schema } from '../../src/lib/api/client';
import type { Catalogue, Language } from './words';

/** spoken reads it as somebody who is signed in does: catalogues as those of the faces, with keys of the plugin's own. */
export async function spoken(page: Page, url: string): Promise<Record<Language, Catalogue>> {
  const said: Record<Language, Catalogue> = { en: {}, fr: {} };
  for (const language of ['en', 'fr'] as const) {
    const answer = await page.request.get(`${url}/api/v1/plugin-schemas`, { headers: { 'Accept-Language': language } });
    for (const schema of ((await answer.json()) as Schema<'PluginSchemas'>).items) {
      const keep = (key: string, text: string | undefined) => text && (said[language][`${schema.plugin} ${key}`] = text);
      keep('retirement', schema.retirement_notice);
      for (const setting of [...schema.settings, ...schema.address]) {
        keep(`${setting.key} title`, setting.title);
        keep(`${setting.key} help`, setting.help);
        keep(`${setting.key} group`, setting.group);
        for (const option of setting.options) keep(`${setting.key} option ${option}`, setting.labels?.[option] ?? option);
      }
      for (const callback of schema.callbacks) {
        keep(`${callback.path} callback`, callback.title);
        keep(`${callback.path} callback help`, callback.help);
      }
    }
  }
  return said;
}
