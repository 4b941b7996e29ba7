import { untrack } from 'svelte';
import { answered, api, ApiError, type ConversationDetail } from '../api/client';
import { Backoff } from './backoff';
import { remembered } from '../remembered';
import type { Thread } from './types';

const savedAfter = 800; // ms after the last key
const firstPause = 2_000;
const longestPause = 60_000;

/** What the server keeps. */
type SavedDraft = NonNullable<ConversationDetail['draft']>;

/** What this browser keeps. */
interface Kept {
  text: string;
  visibility: Draft['visibility'];
  at: number; // by the server's clock
  saved: boolean; // the server has it too
}

/**
 * What somebody has begun to write in a conversation. Each key is kept in this browser at once and at the server soon
 * after; of two copies the newer one counts. It never changes under the hands of somebody who writes.
 */
export class Draft {
  #text = $state('');
  #visibility = $state<'public' | 'internal'>('public');
  /** `kept here`: only this browser has it, the server could not be reached or did not want it. */
  state = $state<'saved' | 'saving' | 'kept here'>('saved');

  readonly #key: string;
  #at = 0;
  #changed = 0; // counts changes, so that a save knows whether it saved the last one
  #saved = 0;
  #edited = false; // here, since it was opened
  #copied = false; // what is shown is the server's copy, as it was
  #pending = 0; // messages of ours that were on their way when we last looked
  #sentAt = 0; // when the last of them was written, by the server's clock
  readonly #sent = new Set<string>(); // their texts
  #saving = false;
  #closed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #pauses = new Backoff(firstPause, longestPause);
  readonly #end: () => void;

  constructor(readonly thread: Thread) {
    const { desk } = thread;
    this.#key = `guichet.draft.${desk.me.id}.${thread.id}`;
    const kept = remembered.read<Kept>(this.#key);
    if (kept) {
      this.#text = kept.text;
      this.#visibility = kept.visibility;
      this.#at = kept.at;
      this.#copied = kept.saved;
      if (!kept.saved) this.#later(savedAfter);
    }
    this.#end = $effect.root(() => {
      $effect(() => {
        void thread.pending;
        untrack(() => this.#look());
      });
      $effect(() => {
        const detail = thread.detail;
        if (detail) untrack(() => this.#compare(detail.draft));
      });
      $effect(() => {
        if (desk.link === 'live' && untrack(() => this.#changed !== this.#saved)) this.#later(0);
      });
    });
    document.addEventListener('visibilitychange', this.#hidden);
  }

  get text(): string {
    return this.#text;
  }
  set text(text: string) {
    if (text === this.#text) return;
    this.#text = text;
    this.#touched();
  }

  get visibility(): 'public' | 'internal' {
    return this.#visibility;
  }
  set visibility(visibility: 'public' | 'internal') {
    if (visibility === this.#visibility) return;
    this.#visibility = visibility;
    if (this.#text !== '') this.#touched();
  }

  /** clear empties it: what was written is on its way. The server forgets its copy with the message. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#text = '';
    this.#at = this.#now();
    this.#changed++;
    this.#copied = false;
    if (this.#saving) return this.#keep(false); // what is on its way must be taken back
    remembered.forget(this.#key);
    this.#saved = this.#changed;
    this.state = 'saved';
  }

  /** close saves what is not saved yet and ends. */
  close(): void {
    if (this.#closed) return;
    this.#end();
    document.removeEventListener('visibilitychange', this.#hidden);
    if (this.#changed !== this.#saved) void this.#save();
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  readonly #hidden = (): void => {
    if (document.visibilityState === 'hidden' && this.#changed !== this.#saved) void this.#save();
  };

  #now(): number {
    return Date.now() + this.thread.desk.skew;
  }

  #touched(): void {
    this.#edited = true;
    this.#copied = false;
    this.#at = this.#now();
    this.#changed++;
    this.#pauses.reset();
    this.state = 'saving';
    this.#keep(false);
    this.#later(savedAfter);
  }

  #keep(saved: boolean): void {
    if (this.#text === '' && saved) remembered.forget(this.#key);
    else remembered.write(this.#key, { text: this.#text, visibility: this.#visibility, at: this.#at, saved } satisfies Kept);
  }

  #later(pause: number): void {
    if (this.#changed === this.#saved) this.#changed++;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#save(), pause);
  }

  async #save(): Promise<void> {
    if (!this.#saving && !this.#closed) await this.#put();
  }

  async #put(): Promise<void> {
    clearTimeout(this.#timer);
    this.#saving = true;
    const change = this.#changed;
    const body = { text: this.#text, visibility: this.#visibility };
    try {
      const saved = answered(
        await api.PUT('/api/v1/conversations/{conversation}/draft', { params: { path: { conversation: this.thread.id } }, body }),
      );
      this.#saved = change;
      if (change !== this.#changed) return;
      if (this.#closed && remembered.read<Kept>(this.#key)?.text !== body.text) return; // it was opened again, and goes on there
      this.#at = Math.max(this.#at, Date.parse(saved.updated_at) || 0);
      this.#pauses.reset();
      this.state = 'saved';
      this.#keep(this.thread.pending.length === 0); // else it goes with them, see #look
    } catch (error) {
      if (change === this.#changed) this.state = 'kept here';
      if (error instanceof ApiError && error.status < 500 && error.status !== 429) this.#saved = change; // asking again helps nobody
      else if (change === this.#changed && !this.#closed) this.#timer = setTimeout(() => void this.#save(), this.#pauses.next());
    } finally {
      this.#saving = false;
      if (change !== this.#changed) {
        if (!this.#closed) this.#later(savedAfter);
        else if (this.#last()) void this.#put();
      }
    }
  }

  /** #last tells whether nothing was written elsewhere in this browser after this. */
  #last(): boolean {
    const kept = remembered.read<Kept>(this.#key);
    return kept?.text === this.#text && kept.at === this.#at;
  }

  /** #look sees what is on its way. With a message the server forgets the draft, also one that was begun after it. */
  #look(): void {
    const { pending, desk } = this.thread;
    for (const p of pending) {
      this.#sent.add(p.text);
      this.#sentAt = Math.max(this.#sentAt, p.createdAt + desk.skew);
    }
    if (pending.length < this.#pending && this.#text !== '') this.#later(savedAfter);
    this.#pending = pending.length;
  }

  /** #compare looks at the server's copy. If it had what is shown and has it no longer, that was sent or dropped elsewhere. */
  #compare(saved: SavedDraft | undefined): void {
    if (this.#edited && this.#changed !== this.#saved) return; // somebody is writing here
    if (!saved) {
      if (this.#copied) {
        this.#text = '';
        this.#copied = false;
        remembered.forget(this.#key);
      }
      return;
    }
    const at = Date.parse(saved.updated_at);
    if (at <= Math.max(this.#at, this.#sentAt) || this.#sent.has(saved.text.trim())) return;
    this.#at = at;
    this.#text = saved.text;
    this.#visibility = saved.visibility;
    this.#copied = true;
    clearTimeout(this.#timer);
    this.#saved = this.#changed;
    this.state = 'saved';
    this.#keep(true);
  }
}
