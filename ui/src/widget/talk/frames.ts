/** The words that panel and plugin exchange. plugins/webchat/PROTOCOL.md explains them. */

export interface Status {
  conversation: string;
  state: 'none' | 'open' | 'active' | 'waiting' | 'wrap-up' | 'closed';
  agent: string;
  /** place in line, from 1; 0 when not known */
  place: number;
  /** expected wait in seconds; 0 when not known */
  wait: number;
  /** position of the visitor's last message that was read */
  read: string;
}

export interface Attachment {
  name: string;
  type: string;
  size: number;
  state: 'fetching' | 'ready' | 'gone' | 'refused';
  url?: string;
}

export interface Message {
  id: string;
  /** orders the messages of a visitor, compared as text */
  position: string;
  conversation: string;
  /** the visitor's own id of it, or empty */
  client: string;
  from: { kind: 'customer' | 'agent' | 'bot' | 'system'; name: string };
  text: string;
  attachments?: Attachment[];
  at: string;
  deleted?: boolean;
  edited?: boolean;
}

export interface Limits {
  /** characters of a message */
  text: number;
  /** bytes of a file; 0 where none may be sent */
  file: number;
  /** files of a message */
  files: number;
  /** content types that may be sent, such as image/png or image/*; none: every one */
  types: string[];
  /** file name extensions that may not */
  blocked?: string[];
}

export interface Availability {
  open: boolean;
  /** somebody could answer now */
  agent: boolean;
  /** seconds; 0 when not known */
  wait: number;
  /** how many wait */
  line: number;
  /** RFC 3339; empty when not known */
  opens_at: string;
}

export interface Page {
  url: string;
  title: string;
  referrer: string;
}

export type Told =
  | { t: 'welcome'; status: Status; messages: Message[]; more: boolean; gap: boolean; limits: Limits; availability?: Availability; now: string }
  | { t: 'message'; message: Message }
  | { t: 'accepted'; id: string; position?: string }
  | { t: 'refused'; id: string; code: Refusal; after?: number }
  | { t: 'later'; id?: string; what?: 'older' | 'end'; after: number }
  | { t: 'status'; status: Status }
  | { t: 'typing'; name: string; on: boolean }
  | { t: 'older'; messages: Message[]; more: boolean }
  | { t: 'pong'; at: number }
  | { t: 'bye'; code: 'unknown-channel' | 'bad-token' | 'bad-frame' | 'too-many' | 'restart'; after?: number };

export type Refusal = 'too-long' | 'too-many' | 'empty' | 'attachment-unknown' | 'not-allowed';

export type Say =
  | { t: 'hello'; v: 1; channel: string; token?: string; since: string; from?: string; language: string; page: Page }
  | { t: 'send'; id: string; text: string; attachments: string[]; token?: string; context?: Record<string, string> }
  | { t: 'typing'; on: boolean }
  | { t: 'seen'; delivered: string; read: string }
  | { t: 'older'; before: string }
  | { t: 'end'; id: string }
  | { t: 'ping'; at: number };

/** What an answer over HTTP brings; the cursor is for the next poll. */
export interface Answer {
  frames: Told[];
  cursor?: string;
}

export type Hello = Extract<Say, { t: 'hello' }>;

/** parse reads one frame; undefined for what is no frame. */
export function parse(text: string): Told | undefined {
  try {
    const frame: unknown = JSON.parse(text);
    if (typeof frame === 'object' && frame !== null && typeof (frame as { t?: unknown }).t === 'string') return frame as Told;
  } catch {
    // not a frame
  }
  return undefined;
}
