/**
 * The frames of the live socket (core/live). Every frame with a `seq` says up to where the browser knows everything
 * once it has taken it in; the first one is `hello`.
 */
import type { Conversation, Message, Offer } from '../api/client';

export interface PresenceOf {
  agent: string;
  presence: string;
  load: number;
}

export interface HelloFrame {
  type: 'hello';
  seq: number;
  resumed: boolean;
}

/** One part of a snapshot; only the last one carries a position. */
export interface SnapshotFrame {
  type: 'snapshot';
  seq: number;
  part: number;
  last: boolean;
  me?: PresenceOf & { capacity: number };
  agents?: PresenceOf[];
  conversations: Conversation[];
  offers: Offer[];
  truncated: boolean;
}

export type LastingFrame =
  | { type: 'conversation'; seq: number; conversation: Conversation }
  | { type: 'removed'; seq: number; conversation: string }
  | { type: 'message'; seq: number; conversation: string; message: Message }
  | { type: 'offer'; seq: number; offer: Offer }
  | { type: 'offer-ended'; seq: number; offer: string; conversation: string }
  | ({ type: 'presence'; seq: number } & PresenceOf);

export type FleetingFrame =
  | { type: 'typing'; conversation: string; from: { kind: string; id: string; name: string } }
  | { type: 'viewers'; conversation: string; agents: string[] }
  | { type: 'ping'; at: string };

export type Frame = HelloFrame | SnapshotFrame | LastingFrame | FleetingFrame;

/** What a browser may say. */
export type OwnFrame = { type: 'typing' | 'viewing'; conversation: string };

/** Codes with which the server closes the socket and it makes no sense to come back. */
export const closedForGood = { signedOut: 4001, gone: 4003 } as const;
