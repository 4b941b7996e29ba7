/** What happened in a conversation, in words. The server tells names and parameters; the sentences are the catalogue's. */
import type { IconName } from '$lib/components/drawings';
import { known, t } from '$lib/i18n/index.svelte';
import { lasting } from '$lib/time';
import type { Happening } from './blocks';

/** Names of those a happening is about. */
export interface Who {
  customer: string;
  agent: (id: string) => string;
  queue: (id: string) => string;
}

const drawings: Record<string, IconName> = {
  accepted: 'route', picked: 'route', transferred: 'swap', blocked: 'alert', 'opted-out': 'alert', 'customer-end-conversation': 'door', 'conversation-ended': 'door',
  'agent-end-conversation': 'check', 'conversation-closed': 'check', 'force-close': 'check', 'auto-close': 'clock', 'agent-closed': 'door', 'conversation-started': 'door',
  'live-agent-requested': 'user', 'identity-changed': 'user', notice: 'alert',
};

/** drawingOf is the small drawing before the sentence. */
export const drawingOf = (h: Happening): IconName => drawings[h.name] ?? 'history';

/** told is the sentence. A happening that we do not know is named as the server names it. */
export function told(h: Happening, who: Who): string {
  const values = {
    customer: who.customer,
    agent: h.params.agent ? who.agent(h.params.agent) || h.params.agent : '',
    by: h.params.by ? who.agent(h.params.by) || h.params.by : '',
    queue: h.params.queue ? who.queue(h.params.queue) || h.params.queue : '',
    name: h.params.name ?? h.name,
    time: lasting(Number(h.params.ms ?? 0)),
  };
  const key = `workspace.thread.happened.${h.name === 'transferred' ? (values.queue ? 'transferred-queue' : 'transferred-agent') : h.name}`;
  return known(key) ? t(key, values) : t('workspace.thread.happened.other', values);
}
