import type { Availability, Hello, Limits, Message, Page, Status, Told } from './frames';
import { random, type Keep } from './keep';
import { Link } from './link';
import { Outbox, type Outgoing, type Sent } from './outbox';
import { Thread } from './thread';
import { closed, nobody, type Joined, type Leaving, type View, type Word, type World } from './view';
import { Writing } from './writing';

const answerWithin = 15_000;
const adoptAfter = 4_000;
const typingLasts = 8_000;

/**
 * Talk is a visitor's conversation as their browser knows it. It keeps what they wrote until the server has it, sends
 * it in order under ids of its own, and shows each message once, whatever happens to the connection, the page or a
 * second tab.
 */
export class Talk {
  view: View;
  readonly link: Link;
  private readonly thread = new Thread();
  private readonly outbox: Outbox;
  private status = nobody;
  private availability: Availability = { open: true, agent: false, wait: 0, line: 0, opens_at: '' };
  private limits: Limits = { text: 5000, file: 0, files: 10, types: [] };
  private greeted = false;
  private typing: string | undefined;
  private typingOver: (() => void) | undefined;
  private readonly writing: Writing;
  private joined: Joined[] = [];
  private ended = false;
  private inFlight: string | undefined;
  private overdue: (() => void) | undefined;
  private waiting: { id: string; why: 'later' | 'too-many' } | undefined;
  private resume: (() => void) | undefined;
  /** accepted, and not yet come back as a message */
  private accepted = new Map<string, { item: Outgoing; position: string }>();
  private olderSince = 0;
  private told = '';
  private skew = 0; // the server's clock less this one, in milliseconds
  private used = ''; // the token that the server was told last
  /** the wish to end a conversation, until it has ended; '' is the one that the server will tell of */
  private ending: { id: string; conversation: string } | undefined;
  private endAgain: (() => void) | undefined;

  constructor(
    private readonly world: World,
    private readonly keep: Keep,
    private readonly who: { channel: string; tab: string; language(): string; page(): Page },
    private readonly changed: (view: View, news: Message[]) => void,
  ) {
    this.outbox = new Outbox(keep);
    this.link = new Link(
      world,
      () => this.hello(),
      (frame, hello) => this.hear(frame, hello),
      () => this.linkChanged(),
    );
    this.writing = new Writing(world, (on) => Boolean(this.token) && this.link.send({ t: 'typing', on }));
    world.tabs.heard = (word) => this.overheard(word);
    this.view = this.look();
  }

  get token(): string {
    return this.keep.get('token');
  }

  /** identify returns the token, made now if this is the first time that the visitor says something. */
  identify(): string {
    if (!this.token) {
      this.keep.set('token', random(32));
      this.world.tabs.tell({ t: 'token' });
    }
    return this.token;
  }

  /** write takes a message: from now on it reaches the server, or is shown as refused. */
  write(text: string, files: Sent[] = [], context?: Record<string, string>): void {
    this.identify();
    const first = context && !this.conversing();
    this.outbox.add({ text, files, at: this.world.now(), tab: this.who.tab, ...(first ? { context } : {}) });
    this.world.tabs.tell({ t: 'outbox' });
    this.ended = false;
    this.ending = undefined;
    this.writing.stop(false);
    this.pump();
    this.show();
  }

  /** retry sends a refused message again. */
  retry(id: string): void {
    this.outbox.refuse(id, undefined);
    this.pump();
    this.show();
  }

  /** discard forgets a refused message. */
  discard(id: string): void {
    this.outbox.done(id);
    this.world.tabs.tell({ t: 'outbox' });
    this.show();
  }

  /** older asks for what was said before. */
  older(): void {
    const first = this.thread.messages[0];
    if (!first || !this.thread.more || this.world.now() - this.olderSince < 10_000) return;
    if (this.link.send({ t: 'older', before: first.position })) this.olderSince = this.world.now();
  }

  /** end ends the conversation for both sides; where the server cannot be told now, as soon as it can. */
  end(): void {
    if (this.greeted && !this.conversing()) return;
    this.ending = { id: random(16), conversation: this.status.conversation };
    this.sayEnd();
  }

  /** anew leaves the ended conversation behind; the next message begins another. */
  anew(): void {
    this.ended = false;
    this.show();
  }

  /** looked is called when somebody may have seen the messages. */
  looked(): void {
    const last = this.thread.since;
    if (!this.world.seen() || !last) return;
    if (last > this.keep.get('read')) {
      this.keep.set('read', last);
      this.world.tabs.tell({ t: 'read', position: last });
      this.show();
    }
    this.tellSeen();
  }

  /** composing is called while the visitor types; empty tells that nothing is left. */
  composing(empty: boolean): void {
    this.writing.typed(empty);
  }

  private hello(): Hello {
    this.used = this.token;
    return {
      t: 'hello',
      v: 1,
      channel: this.who.channel,
      ...(this.token ? { token: this.token } : {}),
      since: this.thread.since,
      ...(this.thread.from ? { from: this.thread.from } : {}),
      language: this.who.language(),
      page: this.who.page(),
    };
  }

  private linkChanged(): void {
    if (!this.link.ready) {
      this.settle();
      this.told = '';
      this.olderSince = 0;
      this.setTyping(undefined);
    }
    this.show();
  }

  private hear(frame: Told, hello: Hello): void {
    let news: Message[] = [];
    switch (frame.t) {
      case 'welcome':
        news = this.welcome(frame, hello);
        break;
      case 'message':
        news = this.receive([frame.message], () => this.thread.put([frame.message]));
        break;
      case 'accepted':
        this.taken(frame.id, frame.position);
        break;
      case 'refused':
        if (frame.code === 'too-many' && frame.after) this.postpone(frame.id, frame.after, 'too-many');
        else {
          this.outbox.refuse(frame.id, frame.code);
          this.world.tabs.tell({ t: 'outbox' });
          this.settle(frame.id);
        }
        break;
      case 'later':
        if (frame.id) this.postpone(frame.id, frame.after, 'later');
        if (frame.what === 'end') this.endLater(frame.after * 1000);
        if (frame.what === 'older') this.olderSince = 0;
        break;
      case 'status':
        this.setStatus(frame.status, true);
        break;
      case 'typing':
        this.setTyping(frame.on ? frame.name : undefined);
        break;
      case 'older':
        this.olderSince = 0;
        this.thread.older(frame.messages, frame.more);
        break;
      case 'bye':
        if (frame.code === 'bad-token') this.forget();
        break;
    }
    this.pump();
    this.show(news);
    this.looked();
  }

  private welcome(frame: Extract<Told, { t: 'welcome' }>, hello: Hello): Message[] {
    const before = this.greeted;
    this.greeted = true;
    this.skew = Date.parse(frame.now) - this.world.now() || 0;
    this.limits = frame.limits ?? this.limits;
    this.availability = frame.availability ?? this.availability;
    this.setStatus(frame.status ?? nobody, before);
    const messages = frame.messages ?? [];
    const news = this.receive(messages, () => this.thread.welcome(hello.since, messages, frame.more, frame.gap));
    // What was accepted before is in what we were just told, or further up.
    for (const [id, { position }] of this.accepted) if (!position) this.accepted.delete(id);
    this.told = '';
    this.sayEnd();
    return before ? news : [];
  }

  /** receive applies messages, takes our own as accepted, and returns those of others that are new. */
  private receive(messages: Message[], apply: () => void): Message[] {
    const known = this.thread.since;
    apply();
    for (const m of messages) if (m.client) this.taken(m.client, m.position);
    for (const [id, { position }] of this.accepted) if (this.thread.has(id) || (position && position <= this.thread.since)) this.accepted.delete(id);
    const news = messages.filter((m) => m.position > known && m.from.kind !== 'customer' && !m.deleted);
    if (news.some((m) => m.from.kind === 'agent' || m.from.kind === 'bot')) this.setTyping(undefined);
    return news;
  }

  private setStatus(status: Status, live: boolean): void {
    const before = this.status;
    this.status = status;
    if (!live) return;
    const same = before.conversation === status.conversation;
    if (closed(status) && same && !closed(before) && before.state !== 'none') this.ended = true;
    if (!closed(status)) this.ended = false;
    if (status.agent && status.state === 'active' && (!same || before.agent !== status.agent)) {
      this.joined = [...this.joined, { agent: status.agent, at: new Date(this.world.now() + this.skew).toISOString() }];
    }
  }

  /** pump sends the oldest message that waits, one at a time: the next leaves when this one is stored. */
  private pump(): void {
    if (!this.link.ready || this.inFlight || this.waiting) return;
    this.resume?.();
    this.resume = undefined;
    const next = this.outbox.next();
    if (!next) return;
    // What another tab wrote is left to it for a moment, unless we have something to say behind it.
    const spare = next.at + adoptAfter - this.world.now();
    if (next.tab !== this.who.tab && spare > 0 && spare <= adoptAfter && !this.outbox.all().some((o) => !o.refused && o.tab === this.who.tab)) {
      this.resumeIn(spare);
      return;
    }
    const token = (this.used = this.identify());
    const sent = this.link.send({
      t: 'send',
      id: next.id,
      text: next.text,
      attachments: next.files.map((f) => f.handle),
      token,
      ...(next.context ? { context: next.context } : {}),
    });
    if (!sent) return;
    this.inFlight = next.id;
    this.overdue = this.world.later(answerWithin, () => {
      this.settle();
      this.pump();
    });
  }

  /** taken notes that the server has a message. Until it comes back it is shown as arrived, unless it belongs further up. */
  private taken(id: string, position = ''): void {
    const item = this.outbox.all().find((o) => o.id === id);
    if (item) {
      this.outbox.done(id);
      this.world.tabs.tell({ t: 'outbox' });
      if (!position || position > this.thread.since) this.accepted.set(id, { item, position });
    }
    this.settle(id);
  }

  /** settle ends the wait for an answer; to one message only when it is named. */
  private settle(id?: string): void {
    if (id === undefined || this.waiting?.id === id) {
      this.waiting = undefined;
      this.resume?.();
      this.resume = undefined;
    }
    if (id !== undefined && id !== this.inFlight) return;
    this.inFlight = undefined;
    this.overdue?.();
    this.overdue = undefined;
  }

  private postpone(id: string, seconds: number, why: 'later' | 'too-many'): void {
    if (id !== this.inFlight) return;
    this.settle(id);
    this.waiting = { id, why };
    this.resumeIn(Math.max(1, seconds) * 1000);
  }

  private resumeIn(milliseconds: number): void {
    this.resume = this.world.later(milliseconds, () => {
      this.resume = this.waiting = undefined;
      this.pump();
      this.show();
    });
  }

  private tellSeen(): void {
    const delivered = this.thread.since;
    const read = this.keep.get('read');
    const word = delivered + ' ' + read;
    if (this.told !== word && delivered && this.token && this.link.send({ t: 'seen', delivered, read: read < delivered ? read : delivered })) this.told = word;
  }

  private setTyping(name: string | undefined): void {
    this.typingOver?.();
    this.typingOver = name === undefined ? undefined : this.world.later(typingLasts, () => (this.setTyping(undefined), this.show()));
    this.typing = name;
  }

  private sayEnd(): void {
    this.endAgain?.();
    if (!this.ending || !this.greeted) return;
    this.ending.conversation ||= this.status.conversation;
    if (!this.conversing() || this.ending.conversation !== this.status.conversation) {
      this.ending = undefined;
      return;
    }
    this.link.send({ t: 'end', id: this.ending.id });
    this.endLater(answerWithin);
  }

  private endLater(milliseconds: number): void {
    this.endAgain?.();
    this.endAgain = this.world.later(milliseconds, () => this.sayEnd());
  }

  private overheard(word: Word): void {
    if (word.t === 'token') this.link.again();
    if (word.t === 'read') this.tellSeen();
    this.pump();
    this.show();
  }

  /** forget begins anew as a stranger: the server does not take the token for one. Another tab may have a new one already. */
  private forget(): void {
    if (this.token === this.used) this.keep.remove('token');
    this.thread.welcome('', [], false, true);
    this.status = nobody;
    this.link.again();
  }

  private conversing(): boolean {
    return this.status.state !== 'none' && !closed(this.status);
  }

  private look(): View {
    const waiting = this.outbox.all();
    const ready = this.link?.ready ?? false;
    const on = (o: Outgoing): Leaving['on'] => {
      if (o.refused) return 'refused';
      if (this.waiting?.id === o.id) return this.waiting.why;
      return ready ? 'way' : 'network';
    };
    const outgoing: Leaving[] = [
      ...[...this.accepted.values()].map(({ item }) => ({ ...item, on: 'arrived' as const })),
      ...waiting.filter((o) => !this.thread.has(o.id)).map((o) => ({ ...o, on: on(o) })),
    ].map((o) => ({ ...o, at: o.at + this.skew })); // among the messages, whose times are the server's
    return {
      link: this.link?.state ?? 'idle',
      greeted: this.greeted,
      messages: this.thread.messages,
      outgoing,
      more: this.thread.more,
      status: this.status,
      availability: this.availability,
      limits: this.limits,
      typing: this.typing,
      joined: this.joined,
      unread: this.thread.after(this.keep.get('read')),
      going: this.conversing() || waiting.some((o) => !o.refused),
      ended: this.ended,
    };
  }

  private show(news: Message[] = []): void {
    this.view = this.look();
    this.changed(this.view, news);
  }
}
