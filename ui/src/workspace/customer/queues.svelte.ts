/** The names of the queues, asked for once. */
import { SvelteMap } from 'svelte/reactivity';
import { answered, api } from '$lib/api/client';

const names = new SvelteMap<string, string>();
let asking = false;

/** queueCalled is the name of a queue for people; its id until the name is known. */
export const queueCalled = (id: string): string => names.get(id) || id;

/** askQueues fetches the names unless they are known. */
export async function askQueues(): Promise<void> {
  if (asking || names.size > 0) return;
  asking = true;
  try {
    for (const queue of answered(await api.GET('/api/v1/queues')).items) names.set(queue.id, queue.name);
  } catch {
    // Ids are shown instead, and the next panel asks again.
  } finally {
    asking = false;
  }
}
