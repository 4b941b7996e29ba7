/** What the wizard must know of the desk: plugins to choose from, ids that are taken, where conversations can go. */
import { answered, api } from '$lib/api/client';
import { language } from '$lib/i18n/index.svelte';
import { objects, pluginOf, textOf, type Written } from '../editor/written';
import type { PluginSchema, Present } from './draft.svelte';

/** pluginSchemas are the plugins to choose from, in the language of the page. */
export async function pluginSchemas(): Promise<PluginSchema[]> {
  return answered(await api.GET('/api/v1/plugin-schemas')).items;
}

/** present reads it from the file, so that what is written there and not in force yet counts too. */
export async function present(): Promise<{ present: Present; schemas: PluginSchema[] }> {
  const [schemas, agents, accounts, channels, workstreams, queues] = await Promise.all([
    pluginSchemas(),
    api.GET('/api/v1/agents').then((answer) => answered(answer).items),
    objects('account').then((found) => found.items),
    objects('channel').then((found) => found.items),
    objects('workstream').then((found) => found.items),
    objects('queue').then((found) => found.items),
  ]);
  const ids = (list: Written[]) => list.map((o) => o.id).filter((id) => id !== '');
  return {
    schemas,
    present: {
      accounts: ids(accounts), channels: ids(channels), language: language(),
      workstreams: workstreams.filter((w) => w.id).map((w) => ({ id: w.id, plugin: pluginOf(w, channels, accounts), fallback: textOf(w, 'fallback_queue') !== '' })),
      queues: queues.filter((q) => q.id).map((q) => ({ id: q.id, name: textOf(q, 'name') || q.id })),
      agents: agents.filter((a) => !a.disabled).map((a) => ({ id: a.id, name: a.name || a.email || a.id })),
    },
  };
}
