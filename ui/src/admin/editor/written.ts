/** The file's objects as they are written, and what can be told from several of them together. */
import { answered, api, type Schema } from '$lib/api/client';

export type Written = Schema<'ConfigurationObject'>;

/** objects are those of a kind; `blank` is a new one. */
export async function objects(kind: string, plugin?: string): Promise<{ items: Written[]; blank: Written }> {
  return answered(await api.GET('/api/v1/configuration/objects/{kind}', { params: { path: { kind }, ...(plugin ? { query: { plugin } } : {}) } }));
}

/** textOf is what a field has written, where that is a text; else "". */
export function textOf(object: Written | undefined, path: string): string {
  const value = object?.fields.find((f) => f.path === path)?.value;
  return typeof value === 'string' ? value : '';
}

/** inForce is what holds of a field: what is written, else its default. */
export function inForce(object: Written | undefined, path: string): unknown {
  const field = object?.fields.find((f) => f.path === path);
  return field?.written ? field.value : field?.default;
}

/** pluginOf is the plugin whose conversations a workstream takes: stated, or that of its channels; "" while nothing has said. */
export function pluginOf(workstream: Written, channels: readonly Written[], accounts: readonly Written[]): string {
  const stated = textOf(workstream, 'plugin');
  if (stated) return stated;
  const channel = channels.find((c) => textOf(c, 'workstream') === workstream.id);
  return channel ? textOf(accounts.find((a) => a.id === textOf(channel, 'account')), 'plugin') : '';
}
