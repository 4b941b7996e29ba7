import { answered, api, ApiError, type Conversation, type ConversationDetail, type Message } from '../api/client';
import { Backoff } from './backoff';
import { Log } from './log';
import type { Outbox } from './outbox.svelte';
import { summaryOf, type Records } from './records.svelte';
import type { Desk, Pending, Thread } from './types';
import { Typing } from './typing.svelte';

const pageSize = 50;
const detailPause = 1_000; // ms between two looks at the details of a busy conversation
const retryFirst = 2_000;
const retryLongest = 30_000;
const missedAfter = 1_000; // ms until a message that the list knows of, but nobody told, is asked for
const refreshPages = 5; // how far back what was read is read again after something may have been missed
const typingEvery = 3_000;

/** What a thread needs of the desk. */
export interface Surroundings {
  readonly desk: Desk;
  readonly records: Records;
  readonly outbox: Outbox;
  settle(): void;
  say(typing: string): void;
  closed(thread: ConversationThread): void;
}

/** One open conversation, see Thread. */
export class ConversationThread implements Thread {
  state = $state<Thread['state']>('loading');
  error = $state.raw<unknown>();
  detail = $state.raw<ConversationDetail | undefined>();
  messages = $state.raw<readonly Message[]>([]);
  older = $state(false);
  viewers = $state.raw<readonly string[]>([]);

  readonly #log = new Log();
  #dirty = false;
  #closed = false;
  #loaded = false;
  #lost = false; // it was out of sight: what is here may be old
  #refreshing: Promise<void> | undefined;
  #refreshAgain = false;
  #filling = false;
  #loadingOlder: Promise<void> | undefined;
  #detailAsked = false;
  #detailWanted = false;
  #missed: ReturnType<typeof setTimeout> | undefined;
  #resting = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  readonly #pauses = new Backoff(retryFirst, retryLongest);
  readonly #typing: Typing;
  #typedAt = -Infinity;
  #readUpTo = 0;

  constructor(
    readonly id: string,
    readonly around: Surroundings,
  ) {
    this.#typing = new Typing(around.desk.me.id);
  }

  get desk(): Desk {
    return this.around.desk;
  }

  get summary(): Conversation | undefined {
    return this.around.records.shown(this.id) ?? this.detail;
  }

  get customerTyping(): boolean {
    return this.#typing.customer;
  }

  get colleaguesTyping(): readonly string[] {
    return this.#typing.colleagues;
  }

  get pending(): readonly Pending[] {
    return this.around.outbox.of(this.id);
  }

  /** through is up to where its reader has seen the conversation. */
  get through(): number {
    return this.#log.through;
  }

  /** start loads it, and loads it again when it has failed before. */
  start(): void {
    if (this.#loaded && this.#retry === undefined && this.state === 'ready') return;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    void this.refresh();
  }

  /** change takes in what became of the conversation's summary. */
  change(c: Conversation | undefined): void {
    if (!c) {
      this.#lost = true;
      this.#askDetail(); // says whether one may still look at it
      return;
    }
    if (this.#lost) {
      this.#lost = false;
      void this.refresh();
    } else if (this.#outdated(c)) this.#askDetail();
    if (this.#loaded && c.last_seq > this.#log.highest) this.#missed ??= setTimeout(() => this.#checkMissed(), missedAfter);
  }

  /** #outdated: the list knows more than the details. A contact's new name comes without a new version. */
  #outdated(c: Conversation): boolean {
    return !this.detail || c.version > this.detail.version || c.contact.name !== this.detail.contact.name;
  }

  /** tell takes in what the socket tells of a message. */
  tell(message: Message): void {
    this.#log.tell(message, this.around.records.tick());
    this.#dirty = true;
    this.#typing.stops(message.from);
    if (this.#log.hole && this.#loaded) void this.#fill();
  }

  /** publish shows what has changed; what the server has confirmed takes the place of what was pending. */
  publish(): void {
    if (!this.#dirty) return;
    this.#dirty = false;
    this.messages = this.#log.messages;
    this.around.outbox.shown(this.id, (id) => this.#log.has(id, this.desk.me.id));
  }

  /** refresh reads everything that is here again; one that runs already is followed by another. */
  refresh(): Promise<void> {
    this.#resting = false;
    if (this.#refreshing) {
      this.#refreshAgain = true;
      return this.#refreshing;
    }
    this.#refreshing = this.#refresh().finally(() => {
      this.#refreshing = undefined;
      if (this.#refreshAgain) {
        this.#refreshAgain = false;
        void this.refresh();
      }
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<void> {
    this.#askDetail();
    try {
      const from = this.#log.first;
      let page = await this.#read({ before: 0 }, (items, begun, next) => {
        this.#takeNewest(items, begun, next);
      });
      for (let n = 0; page.next && from > 0 && this.#log.first < Number(page.next); n++) {
        if (n === refreshPages) {
          this.#log.cut(Number(page.next));
          this.older = true;
          this.#show();
          break;
        }
        page = await this.#read({ before: Number(page.next) }, (items, begun, next) => {
          this.#log.before(items, begun);
          this.#reach(items, next);
        });
      }
      this.#loaded = true;
      this.error = undefined;
      this.#pauses.reset();
      if (this.state !== 'gone') this.state = 'ready';
      if (this.#log.hole) void this.#fill();
    } catch (error) {
      this.#failed(error);
      this.#retryLater();
    }
  }

  /** #retryLater reads again what could not be read: what is here may have holes or be old. */
  #retryLater(): void {
    if (this.#closed || this.#resting || this.state === 'gone') return;
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      void this.refresh();
    }, this.#pauses.next());
  }

  async reload(): Promise<void> {
    if (!this.#loaded) this.state = 'loading';
    await this.refresh();
  }

  /** poll looks for what is new where no socket tells. */
  async poll(): Promise<void> {
    if (!this.#loaded) return this.refresh();
    await this.#read({ before: 0 }, (items, begun, next) => this.#takeNewest(items, begun, next));
  }

  #takeNewest(items: Message[], begun: number, next: boolean): void {
    this.#log.newest(items, begun);
    this.#reach(items, next);
  }

  /** #reach notes whether there is more before the first message, if that is what the page begins with. */
  #reach(items: Message[], next: boolean): void {
    if (this.#log.first === (items[0]?.seq ?? 0)) this.older = next;
  }

  async loadOlder(): Promise<void> {
    if (!this.older || !this.#loaded) return;
    this.#loadingOlder ??= this.#read({ before: this.#log.first }, (items, begun, next) => {
      if ((items.at(-1)?.seq ?? 0) < this.#log.first - 1) return; // only the newest page has remained meanwhile
      this.#log.before(items, begun);
      this.#reach(items, next);
    })
      .then(
        () => {},
        (error: unknown) => this.#failed(error),
      )
      .finally(() => (this.#loadingOlder = undefined));
    await this.#loadingOlder;
  }

  /** #fill fetches what is missing before what was told. */
  async #fill(): Promise<void> {
    if (this.#filling || this.#closed) return;
    this.#filling = true;
    try {
      for (let more = true; more || this.#log.hole; ) {
        const page = await this.#read({ after: this.#log.through }, (items, begun, next) => this.#log.after(items, begun, !next));
        more = page.next !== '';
      }
    } catch {
      this.#retryLater();
    } finally {
      this.#filling = false;
    }
  }

  async #read(place: { before: number } | { after: number }, use: (items: Message[], begun: number, next: boolean) => void) {
    return await this.around.records.ask(
      async () =>
        answered(
          await api.GET('/api/v1/conversations/{conversation}/messages', {
            params: { path: { conversation: this.id }, query: { ...place, limit: pageSize } },
          }),
        ),
      (page, begun) => {
        if (this.#closed) return;
        this.around.settle();
        use(page.items, begun, page.next !== '');
        this.#show();
      },
    );
  }

  #show(): void {
    this.#dirty = true;
    this.publish();
  }

  #checkMissed(): void {
    this.#missed = undefined;
    const c = this.around.records.get(this.id);
    if (c && c.last_seq > this.#log.through) void this.#fill();
  }

  #failed(error: unknown): void {
    if (this.#closed) return;
    this.error = error;
    if (error instanceof ApiError && error.status === 404) this.state = 'gone';
    else if (!this.#loaded) this.state = 'failed';
  }

  /** #askDetail reads the details; changes that come quickly one after another are answered together. */
  #askDetail(): void {
    this.#detailWanted = true;
    if (this.#detailAsked || this.#closed) return;
    this.#detailAsked = true;
    void (async () => {
      while (this.#detailWanted && !this.#closed && !this.#resting) {
        this.#detailWanted = false;
        const pause = new Promise((done) => setTimeout(done, detailPause));
        await this.#readDetail();
        await pause;
      }
      this.#detailAsked = false;
    })();
  }

  async #readDetail(): Promise<void> {
    try {
      await this.around.records.ask(
        async () =>
          answered(await api.GET('/api/v1/conversations/{conversation}', { params: { path: { conversation: this.id } } })),
        (detail, begun) => {
          if (this.#closed) return;
          this.around.settle();
          this.takeDetail(detail, begun);
        },
      );
    } catch (error) {
      if (error instanceof ApiError && error.status < 500) this.#failed(error);
      else this.#detailWanted = true; // once more, after the pause
    }
  }

  /** takeDetail takes in the details that some call has answered. */
  takeDetail(detail: ConversationDetail, begun: number): void {
    if (this.detail && this.detail.version > detail.version) return;
    this.detail = detail;
    if (this.state === 'gone') {
      this.state = this.#loaded ? 'ready' : 'loading';
      void this.refresh(); // what was told meanwhile was not told to us
    }
    if (detail.state !== 'closed' || this.around.records.get(this.id)) this.around.records.read(summaryOf(detail), begun);
  }

  send(text: string, visibility: Pending['visibility'], attachments: Pending['attachments']): void {
    this.#typedAt = -Infinity;
    this.around.outbox.add(this.id, text, visibility, attachments, this.#log.through);
  }

  resend(id: string): void {
    this.around.outbox.resend(id, this.#log.through);
  }

  discard(id: string): void {
    this.around.outbox.discard(id);
  }

  async retry(message: Message): Promise<void> {
    await this.around.records.ask(
      async () =>
        answered(
          await api.POST('/api/v1/conversations/{conversation}/messages/{message}/retry', {
            params: { path: { conversation: this.id, message: String(message.seq) } },
          }),
        ),
      (now, begun) => this.confirmed(now, begun),
    );
  }

  /** confirmed takes in a message of ours as the server has answered it. */
  confirmed(message: Message, begun: number): void {
    if (this.#closed) return;
    this.around.settle();
    this.#log.answer(message, begun);
    if (this.#log.hole && this.#loaded) void this.#fill();
    this.#show();
  }

  read(): void {
    const c = this.around.records.get(this.id);
    if (!c || c.unread === 0 || c.last_seq <= this.#readUpTo || (c.assignee !== '' && c.assignee !== this.desk.me.id)) return;
    const before = this.#readUpTo;
    this.#readUpTo = c.last_seq;
    api.POST('/api/v1/conversations/{conversation}/read', { params: { path: { conversation: this.id } } }).then(
      ({ response }) => {
        if (!response.ok) this.#readUpTo = Math.min(this.#readUpTo, before);
      },
      () => (this.#readUpTo = Math.min(this.#readUpTo, before)),
    );
  }

  typing(on: boolean): void {
    if (!on || performance.now() - this.#typedAt < typingEvery) return;
    this.#typedAt = performance.now();
    this.around.say(this.id);
  }

  /** types notes that somebody writes. */
  types(from: { kind: string; id: string }): void {
    this.#typing.begins(from);
  }

  /** alone forgets what only the socket can tell. */
  alone(): void {
    this.#typing.forget();
    this.viewers = [];
  }

  /** rest ends what would still be tried, until somebody asks. */
  rest(): void {
    this.#resting = true;
    clearTimeout(this.#missed);
    clearTimeout(this.#retry);
    this.#missed = this.#retry = undefined;
    this.alone();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.rest();
    this.around.closed(this);
  }
}
