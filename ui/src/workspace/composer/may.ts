/** What one may write in a conversation, and what stands in the way. */
import type { Conversation } from '$lib/api/client';

/**
 * Hindrance is why the customer cannot be written to just now. `pick`, `reopen`: an act of ours removes it. `theirs`: a
 * colleague has it. `window`: the provider takes no free text. `no-reply`: the provider takes nothing. `closed`: for good.
 */
export type Hindrance = 'pick' | 'offered' | 'reopen' | 'wrap-up' | 'theirs' | 'window' | 'no-reply' | 'closed';

/** hindrance is what keeps a person from answering the customer; undefined when nothing does. Notes are always possible. */
export function hindrance(c: Conversation, me: { id: string; role: string }, now: number): Hindrance | undefined {
  switch (c.state) {
    case 'closed':
      return 'closed';
    case 'wrap-up':
      return 'wrap-up';
    case 'waiting':
      return 'reopen';
    case 'open':
      return c.offered_to && c.offered_to !== me.id ? 'offered' : 'pick';
  }
  if (c.assignee !== me.id && me.role === 'agent') return 'theirs';
  if (c.no_reply) return 'no-reply';
  if (c.window && Date.parse(c.window) <= now) return 'window';
  return undefined;
}

/** remedy is the act that removes a hindrance, where there is one. */
export function remedy(h: Hindrance | undefined): 'pick' | 'reopen' | undefined {
  if (h === 'pick' || h === 'offered') return 'pick';
  return h === 'reopen' || h === 'wrap-up' ? 'reopen' : undefined;
}

/** mayAttach tells whether files may go with what is written: always with a note, else where the channel takes them from us. */
export const mayAttach = (detail: { attachments: { from_agent: boolean } } | undefined, note: boolean): boolean => note || detail?.attachments?.from_agent !== false;
