/**
 * The desk as one browser sees it: composes the link, the records, the lists, the threads, the outbox and the offers.
 * Start reading at Desk in types.ts; frames.ts has the protocol, take() what each frame does.
 */
import {
  answered,
  api,
  onDate,
  onlyWhile,
  onSignedOut,
  signedOut,
  type Agent,
  type Attachment,
  type Conversation,
  type ConversationDetail,
  type Me,
  type Message,
} from '../api/client';
import { person } from '../person';
import { Batch } from './batch';
import { ServerClock } from './clock.svelte';
import { Colleagues } from './colleagues.svelte';
import { Counts } from './counts.svelte';
import type { Frame, SnapshotFrame } from './frames';
import { ServerLink } from './link.svelte';
import { Offers } from './offers.svelte';
import { ruleOf, seesAll } from './order';
import { Outbox } from './outbox.svelte';
import { Records, summaryOf } from './records.svelte';
import { ConversationThread } from './thread.svelte';
import type { Desk, EndedOffer, Link, PresenceNow, Ringing, Thread, View, ViewName } from './types';
import { upload } from './upload';
import { ConversationView } from './view.svelte';

/** Records beyond this many that nothing shows are let go. */
const recordsMost = 5_000;

/** createDesk opens the desk of the person who is signed in. */
export function createDesk(me: Me): Desk {
  const desk = new LiveDesk(me);
  desk.start();
  return desk;
}

class LiveDesk implements Desk {
  presence = $state.raw<PresenceNow | undefined>();

  readonly #records: Records;
  readonly #views = new Map<ViewName, ConversationView>();
  readonly #threads = new Map<string, ConversationThread>();
  readonly #offers: Offers;
  readonly #outbox: Outbox;
  readonly #colleagues: Colleagues;
  readonly #counts: Counts;
  readonly #clock = new ServerClock();
  readonly #link: ServerLink;
  readonly #batch = new Batch<{ frame: Frame; at: number }>((all) => this.#takeAll(all));
  readonly #ends: (() => void)[] = [];
  #queues: ReadonlySet<string> | undefined; // ours; undefined until they are known
  #parts: SnapshotFrame[] = [];
  #partsAt = 0;
  #seq = 0;
  #whole = false; // the last snapshot named everything
  #viewing = '';
  #guarded: (() => void) | undefined;

  constructor(readonly me: Me) {
    this.#records = new Records((id, c) => this.#changed(id, c));
    const mine = this.#makeView('mine');
    const waiting = this.#makeView('waiting');
    this.#counts = new Counts({ mine, waiting }, seesAll(me));
    this.#offers = new Offers(me.id, (id) => this.#records.get(id));
    this.#colleagues = new Colleagues(me);
    this.#outbox = new Outbox(me.id, {
      ask: (question, use) => this.#records.ask(question, use),
      confirmed: (message, begun) => this.#confirmed(message, begun),
    });
    this.#link = new ServerLink({
      since: () => this.#seq,
      frame: (frame, at) => this.#batch.add({ frame, at }),
      settle: () => this.#batch.flush(),
      live: () => this.#live(),
      lost: () => this.#lost(),
      poll: () => this.#poll(),
    });
  }

  start(): void {
    person.enters(this.me.id);
    this.#guarded ??= onlyWhile(() => person.may(this.me.id));
    this.#ends.push(
      onSignedOut(() => this.#end('signed-out')),
      onDate((at) => this.#clock.dated(at)),
      person.onOther(this.me.id, signedOut),
    );
    this.#outbox.start();
    this.#link.start();
    void this.#colleagues.ask();
    void this.#askQueues();
    void this.#counts.ask();
  }

  stop(): void {
    this.#end();
    this.#guarded?.();
  }

  resume(): void {
    if (this.link === 'signed-out') this.start();
  }

  get link(): Link {
    return this.#link.state;
  }
  get lastLive(): Date | undefined {
    return this.#link.lastLive;
  }
  get skew(): number {
    return this.#clock.skew;
  }
  get counts(): { mine: number; waiting: number; all: number | undefined } {
    return this.#counts;
  }
  get offers(): readonly Ringing[] {
    return this.#offers.ringing;
  }
  get ended(): EndedOffer | undefined {
    return this.#offers.ended;
  }
  get colleagues(): readonly Agent[] {
    return this.#colleagues.all;
  }

  view(name: ViewName): View {
    const known = this.#views.get(name);
    if (known) return known;
    const view = this.#makeView(name);
    // The caller may be computing what it shows: nothing that is shown may change before it is done.
    queueMicrotask(() => {
      if (name === 'all' && this.#whole && seesAll(this.me)) view.fill(this.#records.all());
      else void view.reload();
    });
    return view;
  }

  thread(id: string): Thread {
    let thread = this.#threads.get(id);
    if (!thread) {
      const made = new ConversationThread(id, {
        desk: this,
        records: this.#records,
        outbox: this.#outbox,
        settle: () => this.#batch.flush(),
        say: (conversation) => this.#link.say({ type: 'typing', conversation }),
        closed: (closed) => this.#closed(closed),
      });
      thread = made;
      this.#threads.set(id, made);
      queueMicrotask(() => made.start());
    }
    if (this.#viewing !== id) {
      this.#viewing = id;
      queueMicrotask(() => {
        if (this.#viewing === id) this.#link.say({ type: 'viewing', conversation: id });
      });
    }
    return thread;
  }

  conversation(id: string): Conversation | undefined {
    return this.#records.shown(id);
  }

  name(agent: string): string {
    return this.#colleagues.name(agent);
  }

  accept(offer: string): Promise<ConversationDetail> {
    return this.#offers.answer(offer, () =>
      this.#records.ask(
        async () => answered(await api.POST('/api/v1/offers/{offer}/accept', { params: { path: { offer } } })),
        (detail, begun) => this.#takeDetail(detail, begun),
      ),
    );
  }

  decline(offer: string): Promise<void> {
    return this.#offers.answer(offer, async () => void answered(await api.POST('/api/v1/offers/{offer}/decline', { params: { path: { offer } } })));
  }

  dismissEnded(): void {
    this.#offers.ended = undefined;
  }

  async setPresence(presence: string): Promise<void> {
    const body = { presence: presence as 'available' };
    const now = answered(await api.PUT('/api/v1/me/presence', { body }));
    this.presence = { presence: now.presence, load: now.load, capacity: now.capacity };
  }

  upload(file: File, progress: (part: number) => void, abort: AbortSignal): Promise<Attachment> {
    return upload(file, progress, abort);
  }

  #makeView(name: ViewName): ConversationView {
    const inQueue = (queue: string): boolean => this.#queues?.has(queue) ?? true;
    const view = new ConversationView(name, ruleOf(name, this.me, inQueue), this.#records, () => this.#batch.flush());
    this.#views.set(name, view);
    return view;
  }

  #end(state?: 'signed-out'): void {
    for (const end of this.#ends.splice(0)) end();
    this.#link.stop(state);
    this.#outbox.stop();
    this.#offers.stop();
    this.#colleagues.stop();
    this.#counts.stop();
    for (const view of this.#views.values()) view.rest();
    for (const thread of this.#threads.values()) thread.rest();
  }

  #changed(id: string, c: Conversation | undefined): void {
    for (const view of this.#views.values()) view.change(id, c);
    this.#threads.get(id)?.change(c);
    this.#counts.changed();
  }

  #closed(thread: ConversationThread): void {
    if (this.#threads.get(thread.id) === thread) this.#threads.delete(thread.id);
    this.#outbox.closed(thread.id);
    if (this.#viewing !== thread.id) return;
    this.#viewing = '';
    this.#link.say({ type: 'viewing', conversation: '' });
  }

  #confirmed(message: Message, begun: number): boolean {
    const thread = this.#threads.get(message.conversation);
    thread?.confirmed(message, begun);
    return thread !== undefined;
  }

  #takeDetail(detail: ConversationDetail, begun: number): void {
    this.#batch.flush();
    this.#threads.get(detail.id)?.takeDetail(detail, begun);
    this.#records.read(summaryOf(detail), begun);
    this.#publish();
  }

  #takeAll(all: { frame: Frame; at: number }[]): void {
    for (const { frame, at } of all) this.#take(frame, at);
    this.#publish();
  }

  #publish(): void {
    for (const view of this.#views.values()) view.publish();
    for (const thread of this.#threads.values()) thread.publish();
  }

  /** #take does what a frame says. */
  #take(frame: Frame, at: number): void {
    switch (frame.type) {
      case 'hello':
        this.#parts = [];
        return;
      case 'snapshot':
        if (frame.part === 0) {
          this.#parts = [];
          this.#partsAt = at;
        }
        this.#parts.push(frame);
        if (frame.last) this.#takeSnapshot(this.#parts.splice(0), frame.seq);
        return;
      case 'conversation':
        this.#takeConversation(frame.conversation);
        break;
      case 'removed':
        this.#takeRemoved(frame.conversation);
        break;
      case 'message':
        this.#takeMessage(frame.conversation, frame.message);
        break;
      case 'offer':
        this.#offers.ring(frame.offer, at);
        break;
      case 'offer-ended':
        this.#offers.end(frame.offer);
        break;
      case 'presence':
        this.#colleagues.presence(frame);
        if (frame.agent === this.me.id)
          this.presence = { presence: frame.presence, load: frame.load, capacity: this.presence?.capacity ?? this.me.capacity };
        break;
      case 'typing':
        this.#threads.get(frame.conversation)?.types(frame.from);
        return;
      case 'viewers': {
        const thread = this.#threads.get(frame.conversation);
        if (thread) thread.viewers = frame.agents.filter((agent) => agent !== this.me.id);
        return;
      }
      case 'ping':
        this.#clock.heard(Date.parse(frame.at) + performance.now() - at);
        return;
      default:
        return; // a newer server may say more than we understand
    }
    if (frame.seq > 0) this.#seq = frame.seq;
  }

  #takeConversation(c: Conversation): void {
    if (c.state !== 'closed' || this.#threads.has(c.id) || this.#views.has('closed')) {
      this.#records.told(c);
      return;
    }
    this.#records.gone(c.id);
  }

  /** #takeRemoved: out of sight, or closed, which history still shows. */
  #takeRemoved(id: string): void {
    const known = this.#records.get(id);
    if (known?.state === 'closed') return;
    this.#records.gone(id);
    if (!known) this.#threads.get(id)?.change(undefined);
  }

  #takeMessage(conversation: string, message: Message): void {
    const thread = this.#threads.get(conversation);
    if (thread) thread.tell(message);
    else if (message.from.id === this.me.id) this.#outbox.shown(conversation, (id) => id === message.id);
  }

  #takeSnapshot(parts: SnapshotFrame[], seq: number): void {
    const first = parts[0];
    if (!first || first.part !== 0) return;
    const { me } = first;
    if (me && me.agent !== this.me.id) return signedOut();
    if (me) this.presence = { presence: me.presence, load: me.load, capacity: me.capacity };
    for (const agent of first.agents ?? []) this.#colleagues.presence(agent);
    this.#whole = !parts.some((part) => part.truncated);
    this.#records.replace(
      parts.flatMap((part) => part.conversations),
      this.#whole,
    );
    for (const [name, view] of this.#views) {
      if (this.#whole && (name !== 'all' || seesAll(this.me)) && name !== 'closed') view.fill(this.#records.all());
      else void view.reload();
    }
    this.#offers.replace(first.offers, this.#partsAt);
    for (const thread of this.#threads.values()) void thread.refresh();
    this.#seq = seq;
    void this.#askQueues();
    void this.#counts.ask();
  }

  #live(): void {
    if (this.#viewing) this.#link.say({ type: 'viewing', conversation: this.#viewing });
    for (const view of this.#views.values()) if (view.state === 'failed') void view.reload();
    for (const thread of this.#threads.values()) thread.start();
    this.#outbox.flush();
    this.#sweep();
  }

  #lost(): void {
    this.#outbox.interrupt();
    for (const thread of this.#threads.values()) thread.alone();
  }

  /** #poll asks for what the socket would have told. */
  async #poll(): Promise<void> {
    const offers = answered(await api.GET('/api/v1/offers'));
    this.#offers.replace(offers.items, performance.now());
    const presence = answered(await api.POST('/api/v1/me/presence/renew'));
    this.presence = { presence: presence.presence, load: presence.load, capacity: presence.capacity };
    for (const [name, view] of this.#views) if (name !== 'closed') await view.reload();
    for (const thread of this.#threads.values()) await thread.poll();
    this.#outbox.flush();
    void this.#counts.ask();
  }

  async #askQueues(): Promise<void> {
    try {
      const { items } = answered(await api.GET('/api/v1/queues'));
      this.#queues = new Set(items.filter((q) => q.mine).map((q) => q.id));
      const waiting = this.#views.get('waiting');
      for (const c of this.#records.all()) if (c.offered_to === this.me.id) waiting?.change(c.id, c);
      waiting?.publish();
    } catch {
      // The next snapshot asks again; until then every queue counts as ours.
    }
  }

  /** #sweep lets go of conversations that nothing shows: who sees everything is told of everything. */
  #sweep(): void {
    if (this.#records.size <= recordsMost) return;
    this.#records.keep((id) => this.#threads.has(id) || [...this.#views.values()].some((view) => view.has(id)));
  }
}
