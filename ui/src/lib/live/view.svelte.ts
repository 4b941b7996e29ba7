import { answered, api, ApiError, type Conversation } from '../api/client';
import { Backoff } from './backoff';
import { Ordered, type Place, type Rule } from './order';
import type { Records } from './records.svelte';
import type { View, ViewName } from './types';

const pageSize = 100;
const retryFirst = 2_000; // ms
const retryLongest = 30_000;
/** How many a reload fetches again at most. */
const reloadMost = 1000;
/** A list that has grown beyond this by itself is fetched anew, so that it does not grow for a whole day. */
const grownMost = 1000;

/**
 * One list of conversations. It holds everything up to a place, `end`, and nothing beyond; without `end` it holds all.
 * A conversation that changes is put where it belongs, or left out when that is beyond the end: loadMore brings it.
 */
export class ConversationView implements View {
  items = $state.raw<readonly Conversation[]>([]);
  state = $state<'loading' | 'ready' | 'failed'>('loading');
  error = $state.raw<unknown>();
  more = $state(false);

  readonly #list: Ordered;
  #end: Place | undefined;
  #cursor = '';
  #dirty = false;
  #loading: Promise<boolean> | undefined;
  #resting = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  readonly #pauses = new Backoff(retryFirst, retryLongest);
  #wanted = 0; // how many were asked for

  constructor(
    readonly name: ViewName,
    readonly rule: Rule,
    readonly records: Records,
    readonly settle: () => void, // takes in what the socket has told so far
  ) {
    this.#list = new Ordered(rule);
  }

  get length(): number {
    return this.#list.length;
  }

  /** whole: everything that belongs here is here. */
  get whole(): boolean {
    return this.state === 'ready' && this.#cursor === '';
  }

  has(id: string): boolean {
    return this.#list.has(id);
  }

  /** change takes in what became of a conversation. */
  change(id: string, c: Conversation | undefined): void {
    if (c && this.rule.holds(c) && this.#within(this.rule.place(c))) {
      this.#list.put(c);
      this.#dirty = true;
    } else if (this.#list.remove(id)) this.#dirty = true;
  }

  /** publish shows what has changed; once for many changes. */
  publish(): void {
    if (!this.#dirty) return;
    this.#dirty = false;
    this.items = this.#list.copy();
    if (this.#cursor && this.#list.length > Math.max(grownMost, 2 * this.#wanted)) void this.reload();
  }

  /** fill shows all there is. */
  fill(all: Iterable<Conversation>): void {
    this.#list.fill([...all].filter((c) => this.rule.holds(c)));
    this.#place(undefined, '');
    this.#show();
  }

  /** rest ends what would still be tried, until somebody asks. */
  rest(): void {
    this.#resting = true;
    clearTimeout(this.#retry);
    this.#retry = undefined;
  }

  async reload(): Promise<void> {
    this.rest();
    this.#resting = false;
    const done = await this.#alone(async () => {
      let cursor = '';
      const pages: Conversation[] = [];
      const wanted = Math.min(reloadMost, Math.max(pageSize, this.#wanted));
      await this.records.ask(
        async () => {
          do {
            const page = await this.#page(cursor);
            pages.push(...page.items);
            cursor = page.next;
          } while (cursor && pages.length < wanted);
        },
        (_, begun) => {
          this.settle();
          const last = pages.at(-1);
          this.#place(cursor && last ? this.rule.place(last) : undefined, cursor);
          this.#wanted = pages.length;
          this.#list.fill([]);
          this.#takeIn(pages, begun);
        },
      );
    });
    if (done) this.#pauses.reset();
    else if (!this.#resting) this.#retry ??= setTimeout(() => void this.reload(), this.#pauses.next()); // what is shown may be old
  }

  async loadMore(): Promise<void> {
    if (!this.#cursor) return;
    await this.#alone(async () => {
      if (!this.#cursor) return;
      await this.records.ask(
        () => this.#page(this.#cursor),
        (page, begun) => {
          this.settle();
          const last = page.items.at(-1);
          this.#place(page.next && last ? this.rule.place(last) : undefined, page.next);
          this.#wanted += page.items.length;
          this.#takeIn(page.items, begun);
        },
      );
    });
  }

  async #page(cursor: string): Promise<{ items: Conversation[]; next: string }> {
    return answered(await api.GET('/api/v1/conversations', { params: { query: { view: this.name, cursor: cursor || undefined, limit: pageSize } } }));
  }

  /** #alone lets one request run at a time, and tells whether it went well. What fails keeps what is shown. */
  async #alone(load: () => Promise<void>): Promise<boolean> {
    while (this.#loading) await this.#loading;
    this.#loading = load()
      .then(
        () => true,
        (error: unknown) => {
          this.error = error;
          if (this.state === 'loading') this.state = 'failed';
          return error instanceof ApiError && error.status < 500 && error.status !== 429; // asking again helps nobody
        },
      )
      .finally(() => (this.#loading = undefined));
    return await this.#loading;
  }

  #place(end: Place | undefined, cursor: string): void {
    this.#end = end;
    this.#cursor = cursor;
    this.more = cursor !== '';
  }

  #takeIn(list: readonly Conversation[], begun: number): void {
    for (const c of list) {
      this.records.read(c, begun);
      const now = this.records.get(c.id);
      if (now) this.change(c.id, now);
    }
    for (const c of this.records.since(begun)) this.change(c.id, c);
    this.#show();
  }

  #show(): void {
    this.#dirty = false;
    this.items = this.#list.copy();
    this.state = 'ready';
    this.error = undefined;
  }

  #within(place: Place): boolean {
    return !this.#end || !this.rule.before(this.#end, place);
  }
}
