/** What the wizard must know of the desk: plugins to choose from, ids that are taken, where conversations can go. */
import { answered, api, type Schema } from '$lib/api/client';
import { language } from '$lib/i18n/index.svelte';
import type { PluginSchema, Present } from './draft.svelte';

const objects = async (kind: string) => answered(await api.GET('/api/v1/configuration/objects/{kind}', { params: { path: { kind } } })).items;

const text = (object: Schema<'ConfigurationObject'>, path: string): string => {
  const value = object.fields.find((f) => f.path === path)?.value;
  return typeof value === 'string' ? value : '';
};

/** present reads it from the file, so that what is written there and not in force yet counts too. */
export async function present(): Promise<{ present: Present; schemas: PluginSchema[] }> {
  const [schemas, agents, accounts, channels, workstreams, queues] = await Promise.all([
    api.GET('/api/v1/plugin-schemas').then((answer) => answered(answer).items),
    api.GET('/api/v1/agents').then((answer) => answered(answer).items),
    objects('account'),
    objects('channel'),
    objects('workstream'),
    objects('queue'),
  ]);
  const plugins = new Map(accounts.map((a) => [a.id, text(a, 'plugin')]));
  const ofWorkstream = (w: Schema<'ConfigurationObject'>): string => text(w, 'plugin') || (plugins.get(text(channels.find((c) => text(c, 'workstream') === w.id) ?? w, 'account')) ?? '');
  const ids = (list: Schema<'ConfigurationObject'>[]) => list.map((o) => o.id).filter((id) => id !== '');
  return {
    schemas,
    present: {
      accounts: ids(accounts), channels: ids(channels), language: language(),
      workstreams: workstreams.filter((w) => w.id).map((w) => ({ id: w.id, plugin: ofWorkstream(w), fallback: text(w, 'fallback_queue') !== '' })),
      queues: queues.filter((q) => q.id).map((q) => ({ id: q.id, name: text(q, 'name') || q.id })),
      agents: agents.filter((a) => !a.disabled).map((a) => ({ id: a.id, name: a.name || a.email || a.id })),
    },
  };
}
