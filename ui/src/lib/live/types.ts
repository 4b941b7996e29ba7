/**
 * What the pages see of the desk: one store, fed by the server's socket. Every field that is read in a component is
 * reactive. Nothing here speaks HTTP to the outside: pages ask the store, and the store asks the server.
 */
import type { Agent, Attachment, Conversation, ConversationDetail, Me, Message, Offer } from '../api/client';

/**
 * How things stand with the server. `offline`: the browser itself has no network. `reconnecting`: there is one, the
 * server does not answer on the socket. `polling`: it answers, but WebSockets are blocked on the way, so the store asks
 * every few seconds instead.
 */
export type Link = 'connecting' | 'live' | 'polling' | 'reconnecting' | 'offline' | 'signed-out';

export type ViewName = 'mine' | 'waiting' | 'all' | 'closed';

/** A list of conversations in its order. `stale` while the link is down: what is shown was true at `asOf`. */
export interface View {
  readonly name: ViewName;
  readonly items: readonly Conversation[];
  readonly state: 'loading' | 'ready' | 'failed';
  readonly error: unknown;
  readonly more: boolean;
  loadMore(): Promise<void>;
  reload(): Promise<void>;
}

/** A message of ours that the server has not confirmed yet. Its id is made here, so sending it again is harmless. */
export interface Pending {
  readonly id: string;
  readonly conversation: string;
  readonly text: string;
  readonly visibility: 'public' | 'internal';
  readonly attachments: readonly { id: string; name: string; type: string; size: number }[];
  readonly createdAt: number;
  /**
   * `sending`: on its way. `kept`: in this browser until there is a connection. `answered-meanwhile`: somebody else
   * wrote first, its author decides. `refused`: the server said no, `error` says why.
   */
  readonly state: 'sending' | 'kept' | 'answered-meanwhile' | 'refused';
  readonly error?: unknown;
}

/** One open conversation: its messages in order, and who is there. */
export interface Thread {
  readonly id: string;
  readonly desk: Desk;
  readonly state: 'loading' | 'ready' | 'failed' | 'gone';
  readonly error: unknown;
  readonly summary: Conversation | undefined;
  readonly detail: ConversationDetail | undefined; // refreshed when the conversation's version changes
  readonly messages: readonly Message[];
  readonly pending: readonly Pending[];
  readonly older: boolean; // there are messages before the first one here
  readonly customerTyping: boolean;
  readonly colleaguesTyping: readonly string[]; // agents' ids
  readonly viewers: readonly string[]; // agents' ids, without ourselves
  loadOlder(): Promise<void>;
  reload(): Promise<void>;
  send(text: string, visibility: 'public' | 'internal', attachments: Pending['attachments']): void;
  resend(id: string): void; // a pending one, again; answered-meanwhile: send it all the same
  discard(id: string): void; // a pending one
  retry(message: Message): Promise<void>; // a failed one, as a new attempt at the server
  read(): void; // what is here has been seen
  typing(on: boolean): void;
  close(): void; // no longer shown: viewers are told
}

/** An offer that rings, with the moment (performance.now()) at which it ends. */
export interface Ringing extends Offer {
  readonly endsAt: number;
  readonly totalMs: number;
}

/** How an offer ended that was not answered here. */
export interface EndedOffer {
  readonly offer: Offer;
  readonly how: 'missed' | 'elsewhere' | 'withdrawn';
}

export interface PresenceNow {
  readonly presence: string;
  readonly load: number;
  readonly capacity: number;
}

export interface Desk {
  readonly me: Me;
  readonly link: Link;
  readonly lastLive: Date | undefined; // when the link was last known to be live
  readonly counts: { readonly mine: number; readonly waiting: number; readonly all: number | undefined };
  readonly offers: readonly Ringing[];
  readonly ended: EndedOffer | undefined;
  readonly presence: PresenceNow | undefined;
  /** The server's clock less this browser's, in milliseconds. */
  readonly skew: number;
  view(name: ViewName): View;
  thread(id: string): Thread; // the same object until it is closed
  conversation(id: string): Conversation | undefined;
  name(agent: string): string; // of a colleague, "" when not known
  /** Everyone of this desk; with their presence as it is now for those who see everything. */
  readonly colleagues: readonly Agent[];
  accept(offer: string): Promise<ConversationDetail>;
  decline(offer: string): Promise<void>;
  dismissEnded(): void;
  setPresence(presence: string): Promise<void>;
  upload(file: File, progress: (part: number) => void, abort: AbortSignal): Promise<Attachment>;
  stop(): void;
  /** Goes on after the same person has signed in again; what is shown stays as it is until it is brought up to date. */
  resume(): void;
}
