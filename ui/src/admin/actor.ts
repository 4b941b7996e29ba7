import { known, t } from '$lib/i18n/index.svelte';
import type { Desk } from '$lib/live/types';

/** actorName is who did something, in words: a colleague's name, or what acted for nobody in particular, such as a start. */
export function actorName(id: string, desk: Desk): string {
  const key = `admin.actor.${id}`;
  return known(key) ? t(key) : desk.name(id) || id;
}
