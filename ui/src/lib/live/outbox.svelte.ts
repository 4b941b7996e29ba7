import { answered, api, ApiError, type Message } from '../api/client';
import { Backoff } from './backoff';
import { newId } from './id';
import { person } from '../person';
import { remembered } from '../remembered';
import type { Pending } from './types';

const firstPause = 1_000;
const longestPause = 30_000;
/** How long a message that another tab has written is left to that tab. */
const othersFirst = 10_000;

/** What of a pending message survives a reload. */
interface Kept {
  id: string;
  conversation: string;
  text: string;
  visibility: Pending['visibility'];
  attachments: Pending['attachments'];
  createdAt: number;
  lastSeen: number;
  meanwhile?: boolean; // somebody else answered first: it waits for its author
  refused?: { status: number; code: string; message: string };
}

/** One pending message. */
class Entry implements Pending {
  state = $state<Pending['state']>('sending');
  error = $state.raw<unknown>();
  confirmed = false; // the server has it; it is shown until the message itself is
  stored = false; // the browser keeps it over a reload

  constructor(public kept: Kept) {}

  get id() {
    return this.kept.id;
  }
  get conversation() {
    return this.kept.conversation;
  }
  get text() {
    return this.kept.text;
  }
  get visibility() {
    return this.kept.visibility;
  }
  get attachments() {
    return this.kept.attachments;
  }
  get createdAt() {
    return this.kept.createdAt;
  }
}

/** What the outbox tells the desk, and asks it. */
export interface Confirmations {
  /** ask runs a question of the records, see Records.ask. */
  ask<T>(question: () => Promise<T>, use: (answer: T, begun: number) => void): Promise<T>;
  /** confirmed: the server has stored a message. It returns whether somebody looks at its conversation. */
  confirmed(message: Message, begun: number): boolean;
}

/**
 * What was written here and is not yet the server's. It survives a reload; each conversation's messages go one after
 * the other, in the order in which they were written, and each has an id of its own, so that sending it again is
 * harmless. Every message lies under its own key, so that two tabs do not overwrite each other's.
 */
export class Outbox {
  #lists = $state.raw<ReadonlyMap<string, readonly Entry[]>>(new Map());
  readonly #busy = new Map<string, AbortController>(); // conversations that are sending
  readonly #pauses = new Map<string, { backoff: Backoff; timer: ReturnType<typeof setTimeout> | undefined }>();
  readonly #prefix: string;
  #stopped = false;

  constructor(
    readonly me: string,
    readonly desk: Confirmations,
  ) {
    this.#prefix = `guichet.outbox.${me}.`;
  }

  /** start takes up what an earlier page, or the time before one signed in again, has left. */
  start(): void {
    this.#stopped = false;
    const left = remembered
      .keys(this.#prefix)
      .map((key) => remembered.read<Kept>(key))
      .filter((kept): kept is Kept => kept !== undefined && !this.#find(kept.id))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const kept of left) this.#insert(revive(kept));
    window.addEventListener('storage', this.#otherTab);
    window.addEventListener('beforeunload', this.#leaving);
    this.flush();
  }

  stop(): void {
    this.#stopped = true;
    window.removeEventListener('storage', this.#otherTab);
    window.removeEventListener('beforeunload', this.#leaving);
    for (const { timer } of this.#pauses.values()) clearTimeout(timer);
  }

  of(conversation: string): readonly Pending[] {
    return this.#lists.get(conversation) ?? [];
  }

  add(conversation: string, text: string, visibility: Pending['visibility'], attachments: Pending['attachments'], lastSeen: number): void {
    const kept: Kept = { id: newId(), conversation, text, visibility, attachments: [...attachments], createdAt: Date.now(), lastSeen };
    const entry = new Entry(kept);
    this.#remember(entry);
    this.#insert(entry);
    void this.#send(conversation);
  }

  /** resend sends one that waits for its author, who has now seen the conversation up to a place. */
  resend(id: string, lastSeen: number): void {
    const entry = this.#find(id);
    if (!entry || entry.confirmed) return;
    const { meanwhile: _meanwhile, refused: _refused, ...kept } = entry.kept;
    entry.kept = { ...kept, lastSeen };
    entry.state = 'sending';
    entry.error = undefined;
    this.#remember(entry);
    this.#wake(entry.conversation);
  }

  discard(id: string): void {
    const entry = this.#find(id);
    if (!entry || entry.confirmed) return;
    this.#remove(entry);
    this.#wake(entry.conversation);
  }

  /** flush tries everything at once: there is a connection again. */
  flush(): void {
    for (const conversation of [...this.#lists.keys()]) this.#wake(conversation);
  }

  /** interrupt lets go of what is on its way: the connection is gone, and an answer may never come. */
  interrupt(): void {
    for (const sending of this.#busy.values()) sending.abort();
  }

  /** closed: nobody looks at a conversation any more; what the server has is no longer ours to show. */
  closed(conversation: string): void {
    for (const entry of this.#lists.get(conversation) ?? []) if (entry.confirmed) this.#remove(entry);
  }

  /** shown drops what the conversation itself shows now. */
  shown(conversation: string, there: (id: string) => boolean): void {
    let some = false;
    for (const entry of this.#lists.get(conversation) ?? []) {
      if (!there(entry.id)) continue;
      this.#remove(entry);
      some = true;
    }
    if (some) void this.#send(conversation);
  }

  #wake(conversation: string): void {
    const pause = this.#pauses.get(conversation);
    clearTimeout(pause?.timer);
    pause?.backoff.reset();
    void this.#send(conversation);
  }

  async #send(conversation: string): Promise<void> {
    if (this.#stopped || this.#busy.has(conversation)) return;
    this.#busy.set(conversation, new AbortController());
    try {
      for (let entry = this.#next(conversation); entry; entry = this.#next(conversation)) {
        const on = await this.#try(entry);
        if (!on || this.#stopped) return;
      }
    } finally {
      this.#busy.delete(conversation);
    }
  }

  /** #next is what is to be sent now: what was refused is passed over, what waits for its author holds the rest back. */
  #next(conversation: string): Entry | undefined {
    for (const entry of this.#lists.get(conversation) ?? []) {
      if (entry.confirmed || entry.state === 'refused') continue;
      return entry.state === 'answered-meanwhile' ? undefined : entry;
    }
    return undefined;
  }

  /** #try sends one message; false when the rest must wait. */
  async #try(entry: Entry): Promise<boolean> {
    const { kept } = entry;
    if (this.#doneElsewhere(entry)) {
      this.#forget(entry);
      return true;
    }
    const sending = new AbortController();
    this.#busy.set(kept.conversation, sending);
    if (entry.state !== 'sending') entry.state = 'sending';
    try {
      await this.desk.ask(
        async () =>
          answered(
            await api.POST('/api/v1/conversations/{conversation}/messages', {
              params: { path: { conversation: kept.conversation } },
              signal: sending.signal,
              body: {
                id: kept.id,
                text: kept.text,
                visibility: kept.visibility,
                attachments: kept.attachments.map((a) => a.id),
                ...(kept.visibility === 'public' && kept.lastSeen > 0 ? { last_seen: kept.lastSeen } : {}),
              },
            }),
          ),
        (message, begun) => {
          remembered.forget(this.#prefix + kept.id);
          this.#pauses.delete(kept.conversation);
          entry.confirmed = true;
          if (!this.desk.confirmed(message, begun)) this.#remove(entry);
        },
      );
      return true;
    } catch (error) {
      if (!this.#find(entry.id) || entry.kept !== kept) return true; // it was confirmed, discarded or changed meanwhile
      return this.#failed(entry, error);
    }
  }

  /**
   * #doneElsewhere tells whether another tab has sent or discarded a message while this one was not told. A browser
   * that has forgotten everything proves nothing.
   */
  #doneElsewhere(entry: Entry): boolean {
    return entry.stored && person.known() && remembered.read(this.#prefix + entry.id) === undefined;
  }

  #failed(entry: Entry, error: unknown): boolean {
    if (this.#doneElsewhere(entry)) {
      this.#forget(entry);
      return true;
    }
    if (error instanceof ApiError && error.status === 409 && error.code === 'answered-meanwhile') {
      entry.state = 'answered-meanwhile';
      entry.error = error;
      entry.kept = { ...entry.kept, meanwhile: true };
      this.#remember(entry);
      this.#holdBack(entry.conversation);
      return false;
    }
    if (error instanceof ApiError && error.status < 500 && ![401, 408, 425, 429].includes(error.status)) {
      entry.state = 'refused';
      entry.error = error;
      entry.kept = { ...entry.kept, refused: { status: error.status, code: error.code, message: error.message } };
      this.#remember(entry);
      return true;
    }
    entry.state = 'kept';
    entry.error = error instanceof ApiError ? error : undefined;
    this.#holdBack(entry.conversation);
    let pause = this.#pauses.get(entry.conversation);
    if (!pause) this.#pauses.set(entry.conversation, (pause = { backoff: new Backoff(firstPause, longestPause), timer: undefined }));
    clearTimeout(pause.timer);
    pause.timer = setTimeout(() => void this.#send(entry.conversation), pause.backoff.next());
    return false;
  }

  /** #holdBack says of what follows that it is kept too. */
  #holdBack(conversation: string): void {
    for (const entry of this.#lists.get(conversation) ?? []) if (entry.state === 'sending' && !entry.confirmed) entry.state = 'kept';
  }

  /** #otherTab follows what other tabs of the same person write and finish. */
  readonly #otherTab = (event: StorageEvent): void => {
    if (!event.key?.startsWith(this.#prefix)) return;
    const entry = this.#find(event.key.slice(this.#prefix.length));
    if (event.newValue === null) {
      if (entry && !this.#busy.has(entry.conversation)) this.#forget(entry);
    } else if (!entry) {
      const kept = remembered.read<Kept>(event.key);
      if (!kept) return;
      this.#insert(revive(kept));
      setTimeout(() => void this.#send(kept.conversation), othersFirst);
    }
  };

  /** #leaving lets the browser ask before it drops what it could not keep. */
  readonly #leaving = (event: BeforeUnloadEvent): void => {
    for (const list of this.#lists.values()) if (list.some((entry) => !entry.stored && !entry.confirmed)) event.preventDefault();
  };

  #remember(entry: Entry): void {
    entry.stored = remembered.write(this.#prefix + entry.id, entry.kept);
  }

  #find(id: string): Entry | undefined {
    for (const list of this.#lists.values()) {
      const found = list.find((entry) => entry.id === id);
      if (found) return found;
    }
    return undefined;
  }

  #insert(entry: Entry): void {
    this.#change(entry.conversation, (list) => [...list, entry]);
  }

  #remove(entry: Entry): void {
    remembered.forget(this.#prefix + entry.id);
    this.#forget(entry);
  }

  #forget(entry: Entry): void {
    this.#change(entry.conversation, (list) => list.filter((other) => other !== entry));
  }

  #change(conversation: string, by: (list: readonly Entry[]) => readonly Entry[]): void {
    const lists = new Map(this.#lists);
    const list = by(lists.get(conversation) ?? []);
    if (list.length) lists.set(conversation, list);
    else lists.delete(conversation);
    this.#lists = lists;
  }
}

function revive(kept: Kept): Entry {
  const entry = new Entry(kept);
  entry.stored = true;
  if (kept.meanwhile) entry.state = 'answered-meanwhile';
  if (kept.refused) {
    entry.state = 'refused';
    entry.error = new ApiError(kept.refused.status, kept.refused.code, kept.refused.message);
  }
  return entry;
}
