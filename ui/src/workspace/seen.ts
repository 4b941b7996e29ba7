/** What the pages ask of a conversation more than once. */
import type { Conversation } from '$lib/api/client';

/** pluginOf is the kind of channel, which chooses the glyph and the name. */
export const pluginOf = (c: Conversation): string => c.plugin || c.account;

/** queueName is the name of the queue for people. */
export const queueName = (c: Conversation): string => c.queue_name || c.queue;

/** ended tells whether nothing more happens by itself. */
export const ended = (c: Conversation): boolean => c.state === 'closed' || c.state === 'wrap-up';
