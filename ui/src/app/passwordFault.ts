import { t } from '$lib/i18n/index.svelte';
import { strength } from './strength';

/** passwordFault is the complaint about a new password, or nothing. What is only guessable is left to the server. */
export function passwordFault(password: string, ...own: string[]): string | undefined {
  switch (strength(password, ...own)) {
    case 'empty':
      return t('common.required');
    case 'short':
      return t('entry.too-short');
    default:
      return undefined;
  }
}
