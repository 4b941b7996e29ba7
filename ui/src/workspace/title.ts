/** What stands on the browser's tab. */
import { t } from '$lib/i18n/index.svelte';

/** pageTitle says first that somebody rings, then how many conversations have something unread, then where one is. */
export function pageTitle(ringing: number, unread: number, name: string): string {
  const here = name ? t('workspace.list.page-title', { name }) : t('workspace.list.page-title-none');
  if (ringing > 0) return t('workspace.offer.page-title', { count: ringing, here });
  return unread > 0 ? t('workspace.list.page-title-unread', { count: unread, here }) : here;
}
