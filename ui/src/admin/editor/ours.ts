/** The fields of objects that are ours and not a plugin's: their words, where they belong, and what holds while they are empty. */
import { known, t } from '$lib/i18n/index.svelte';
import { languageOf } from '$lib/languages';
import type { FormField, Look } from './form';

/** What the desk has for what an object leaves open. */
export interface House {
  name: string; // of the organization
  language: string; // its tag
}

const looks: Record<string, Look> = { 'channel.language': 'language', 'channel.widget.languages': 'language', 'channel.widget.color': 'color', 'channel.widget.domains': 'host' };

const groups: Record<string, 'look' | 'place'> = {
  'channel.widget.title': 'look', 'channel.widget.subtitle': 'look', 'channel.widget.color': 'look', 'channel.widget.logo_url': 'look',
  'channel.widget.position': 'place', 'channel.widget.hidden': 'place', 'channel.widget.domains': 'place',
};

/** lookGroup is the heading above what a preview shows. */
export const lookGroup = (): string => t('admin.field.group.look');

/** holds is what is in force while a field is empty, in words. */
function holds(at: string, house: House): string | undefined {
  if (at === 'channel.language') return house.language && (languageOf(house.language) || house.language);
  if (at === 'channel.widget.title') return house.name;
  return undefined;
}

/** named gives a field of ours its words. */
export function named(field: FormField, object: string, house: House): FormField {
  const at = `${object}.${field.key}`;
  const [title, help] = [`admin.field.${at}`, `admin.field.${at}.help`];
  const more: Partial<FormField> = {};
  if (known(title)) more.title = t(title);
  if (known(help)) more.help = t(help);
  const group = groups[at];
  if (group) more.group = t(`admin.field.group.${group}`);
  if (looks[at]) more.look = looks[at];
  const now = holds(at, house);
  if (now) more.holds = now;
  const labels = field.options.flatMap((option) => {
    const key = `admin.field.${at}.${option}`;
    return known(key) ? [[option, t(key)]] : [];
  });
  if (labels.length > 0) more.labels = Object.fromEntries(labels) as Record<string, string>;
  return { ...field, ...more };
}
