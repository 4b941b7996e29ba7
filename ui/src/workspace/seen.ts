/** What the pages read of a conversation, whatever the server's version already tells. */
import type { Conversation } from '$lib/api/client';

interface More {
  plugin?: string;
  queue_name?: string;
}

/** pluginOf is the kind of channel; until the server says it, the account's id is the best that is known. */
export const pluginOf = (c: Conversation): string => (c as Conversation & More).plugin ?? c.account;

/** queueName is the name of the queue for people. */
export const queueName = (c: Conversation): string => (c as Conversation & More).queue_name || c.queue;

/** ended tells whether nothing more happens by itself. */
export const ended = (c: Conversation): boolean => c.state === 'closed' || c.state === 'wrap-up';
