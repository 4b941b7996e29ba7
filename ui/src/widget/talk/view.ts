/** What Talk shows, and what it needs of the browser around it. */
import type { Availability, Limits, Message, Status } from './frames';
import type { LinkState, Machine } from './link';
import type { Outgoing } from './outbox';

/** What Talk needs beyond a Machine. */
export interface World extends Machine {
  /** tabs carries a word to the other tabs of this channel. */
  tabs: { tell(word: Word): void; heard: ((word: Word) => void) | null };
  /** seen tells that somebody looks at the messages now. */
  seen(): boolean;
}

/** What tabs tell each other: the token is there, the outbox changed, messages were read. */
export type Word = { t: 'token' } | { t: 'outbox' } | { t: 'read'; position: string };

/** A message on its way. */
export type Leaving = Outgoing & { on: 'refused' | 'network' | 'later' | 'too-many' | 'way' | 'arrived' };

/** Somebody began to answer while we looked. */
export interface Joined {
  agent: string;
  at: string;
}

/** What the panel shows. A new one is made with every change. */
export interface View {
  link: LinkState;
  /** the server has greeted since the page was opened: what follows is known */
  greeted: boolean;
  messages: Message[];
  /** what the visitor wrote that has not come back as a message */
  outgoing: Leaving[];
  more: boolean;
  status: Status;
  availability: Availability;
  limits: Limits;
  /** who is writing; undefined for nobody */
  typing: string | undefined;
  joined: Joined[];
  unread: number;
  /** a conversation is going on, or about to */
  going: boolean;
  /** the conversation ended while we looked */
  ended: boolean;
}

export const nobody: Status = { conversation: '', state: 'none', agent: '', place: 0, wait: 0, read: '' };

/** closed tells that nothing more will be said in a conversation. */
export function closed(status: Status): boolean {
  return status.state === 'closed' || status.state === 'wrap-up';
}
