/** How people are called who have not said their name. */
import { t } from './i18n/index.svelte';

/** shownName is a customer's name, or "Visitor 8F3K": the end of their id, so that two visitors differ. */
export const shownName = (contact: { id: string; name: string }): string => contact.name.trim() || t('common.visitor', { number: contact.id.slice(-4) });
