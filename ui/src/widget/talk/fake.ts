/**
 * A server, a clock and tabs for the tests of the panel's side: what the `webchat` plugin promises in PROTOCOL.md, with
 * a network that can be cut at any moment.
 */
import type { Answer, Hello, Message, Say, Status, Told } from './frames';
import { Keep, type Store } from './keep';
import type { Socket } from './link';
import { Talk } from './talk';
import { nobody, type View, type Word, type World } from './view';

/** Clock runs timers when it is told to, in order of time. */
export class Clock {
  now = 1_800_000_000_000;
  private timers: { at: number; act: () => void }[] = [];

  later = (milliseconds: number, act: () => void): (() => void) => {
    const timer = { at: this.now + milliseconds, act };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((t) => t !== timer);
    };
  };

  /** run lets time pass, and promises settle. */
  async run(milliseconds: number): Promise<void> {
    const until = this.now + milliseconds;
    for (;;) {
      for (let i = 0; i < 8; i++) await Promise.resolve();
      const next = this.timers.filter((t) => t.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers = this.timers.filter((t) => t !== next);
      this.now = Math.max(this.now, next.at);
      next.act();
    }
    this.now = until;
  }
}

/** Desk stores messages as the real one does: a visitor's by client id, once. */
export class Desk {
  constructor(readonly now: () => number) {}

  messages: Message[] = [];
  status: Status = nobody;
  pageSize = 50;
  /** every send frame that came, in order */
  received: string[] = [];
  /** every wish to end that came, by its id */
  ends: string[] = [];
  /** the server's clock less the visitor's */
  skew = 0;
  /** the position of a message is said when it is accepted */
  tellsPositions = true;
  seen: { delivered: string; read: string } | undefined;
  lines = new Set<Line>();
  /** everything that was told, for those who poll */
  log: Told[] = [];
  /** answers that the next sends get instead of being stored */
  answers: ((id: string) => Told)[] = [];

  say(text: string, from: Message['from'] = { kind: 'agent', name: 'Inès' }, client = ''): Message {
    const position = `c1:${String(this.messages.length + 1).padStart(6, '0')}`;
    const message: Message = { id: `m${this.messages.length + 1}`, position, conversation: 'c1', client, from, text, attachments: [], at: new Date(this.now() + this.skew).toISOString() };
    this.messages.push(message);
    this.tell({ t: 'message', message });
    return message;
  }

  stand(status: Partial<Status>): void {
    this.status = { ...this.status, conversation: 'c1', ...status };
    this.tell({ t: 'status', status: this.status });
  }

  tell(frame: Told): void {
    this.log.push(frame);
    for (const line of this.lines) line.give(frame);
  }

  /** since answers a poll: what came after the cursor, or a greeting where that is none or long ago. */
  since(hello: Hello, cursor: string): Told[] {
    const at = Number(cursor);
    if (!cursor || this.log.length - at > 10) return [this.welcome(hello)];
    return hello.token ? this.log.slice(at) : [];
  }

  welcome(hello: Hello): Told {
    const known = hello.token ? this.messages : [];
    let messages = known.filter((m) => m.position > hello.since);
    let gap = false;
    let more = false;
    if (messages.length > this.pageSize) {
      messages = messages.slice(-this.pageSize);
      gap = hello.since !== '';
      more = true;
    }
    return {
      t: 'welcome', status: this.status, messages, more, gap, now: new Date(this.now() + this.skew).toISOString(),
      limits: { text: 5000, file: 1 << 20, files: 10, types: [] },
      availability: { open: true, agent: true, wait: 0, line: 0, opens_at: '' },
    };
  }

  hear(frame: Say): Told[] {
    switch (frame.t) {
      case 'send': {
        this.received.push(frame.id);
        const other = this.answers.shift();
        if (other) return [other(frame.id)];
        const stored = this.messages.find((m) => m.client === frame.id);
        const message = stored ?? this.say(frame.text, { kind: 'customer', name: '' }, frame.id);
        if (this.status.state === 'none') this.stand({ state: 'open', place: 1 });
        return [{ t: 'accepted', id: frame.id, ...(this.tellsPositions ? { position: message.position } : {}) }];
      }
      case 'older': {
        const before = this.messages.filter((m) => m.position < frame.before);
        return [{ t: 'older', messages: before.slice(-this.pageSize), more: before.length > this.pageSize }];
      }
      case 'ping':
        return [{ t: 'pong', at: frame.at }];
      case 'seen':
        this.seen = frame;
        return [];
      case 'end':
        this.ends.push(frame.id);
        this.stand({ state: 'closed' });
        return [];
      default:
        return [];
    }
  }
}

/** Line is one WebSocket, whose frames arrive later, in order, or never. */
export class Line implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((text: string) => void) | null = null;
  onclose: (() => void) | null = null;
  hello: Hello | undefined;
  private open = true;
  private known = false;
  /** something was lost: nothing comes through any more */
  private mute = false;

  constructor(
    private readonly network: Network,
    private readonly desk: Desk,
  ) {
    network.lines.add(this);
    network.carry(() => {
      if (!this.open) return;
      if (!network.sockets || network.down) return this.cut();
      desk.lines.add(this);
      this.onopen?.();
    });
  }

  send(text: string): void {
    this.network.carry(() => {
      if (!this.open || (this.mute ||= this.network.dead)) return;
      const frame = JSON.parse(text) as Say;
      if (frame.t === 'hello') {
        this.hello = frame;
        this.known = Boolean(frame.token);
        this.give(desk(this.desk, frame), true);
        return;
      }
      if (frame.t === 'send') this.known = true;
      for (const answer of this.desk.hear(frame)) this.give(answer, true);
    });
  }

  give(frame: Told, own = false): void {
    if (!own && (!this.hello || !this.known)) return;
    const text = JSON.stringify(frame);
    this.network.carry(() => {
      if (this.open && !(this.mute ||= this.network.dead)) this.onmessage?.(text);
    });
  }

  /** cut ends the line; what is under way is lost. */
  cut(): void {
    if (!this.open) return;
    this.open = false;
    this.desk.lines.delete(this);
    this.network.lines.delete(this);
    this.onclose?.();
  }

  close(): void {
    this.open = false;
    this.desk.lines.delete(this);
    this.network.lines.delete(this);
  }
}

const desk = (d: Desk, hello: Hello): Told => d.welcome(hello);

/** Network carries things with a delay, as long as it is not down. */
export class Network {
  lines = new Set<Line>();
  /** nothing can be reached */
  down = false;
  /** everything disappears, and nobody is told */
  dead = false;
  /** WebSockets get through */
  sockets = true;
  delay = 20;

  constructor(readonly clock: Clock) {}

  carry(act: () => void): void {
    this.clock.later(this.delay, act);
  }

  cut(): void {
    for (const line of [...this.lines]) line.cut();
  }
}

/** Browser is one visitor's browser: its tabs share storage. */
export class Browser {
  tabs = new Set<Tab>();
  language = 'en';

  constructor(
    readonly clock: Clock,
    readonly network: Network,
    readonly desk: Desk,
    readonly store: Store,
    public chance = 0.5,
  ) {}

  /** tab opens the panel, as a page does that was visited; `name` again is the same tab after a reload. */
  tab(name = 'tab'): Tab {
    const tab = new Tab(this, name);
    this.tabs.add(tab);
    tab.talk.link.start();
    return tab;
  }
}

/** Tab is one panel. */
export class Tab {
  readonly talk: Talk;
  view: View;
  looking = true;
  /** every list of messages that was ever shown held each message once */
  twice: string[] = [];
  heardNews: string[] = [];
  private readonly gone: (() => void)[] = [];
  private alive = true;

  constructor(
    private readonly browser: Browser,
    name: string,
  ) {
    this.talk = new Talk(this.world(), new Keep(browser.store, 'site'), { channel: 'site', tab: name, language: () => 'en', page: () => ({ url: '', title: '', referrer: '' }) }, (view, news) => {
      this.view = view;
      this.heardNews.push(...news.map((m) => m.text));
      const ids = [...view.messages.map((m) => m.client).filter(Boolean), ...view.outgoing.map((o) => o.id)];
      this.twice.push(...ids.filter((id, i) => ids.indexOf(id) !== i));
    });
    this.view = this.talk.view;
  }

  /** texts is what somebody sees, in order. */
  get texts(): string[] {
    return [...this.view.messages.map((m) => m.text), ...this.view.outgoing.map((o) => o.text)];
  }

  /** leave is what a reload or a closed tab does: everything stops where it is. */
  leave(): void {
    this.alive = false;
    this.browser.tabs.delete(this);
    for (const stop of this.gone) stop();
    this.talk.link.stop();
  }

  private world(): World {
    const { clock, network, desk } = this.browser;
    const answer = async (make: () => Answer): Promise<Answer> => {
      await new Promise<void>((done) => network.carry(done));
      if (network.down || network.dead || !this.alive) throw new Error('unreachable');
      const said = make();
      await new Promise<void>((done) => network.carry(done));
      if (network.down || network.dead || !this.alive) throw new Error('lost');
      return said;
    };
    const tabs: World['tabs'] = {
      heard: null,
      tell: (word: Word) => {
        for (const other of this.browser.tabs) if (other !== this) clock.later(1, () => other.alive && other.hear(word));
      },
    };
    this.hear = (word) => tabs.heard?.(word);
    return {
      socket: () => new Line(network, desk),
      poll: (hello, cursor) => answer(() => ({ frames: desk.since(hello, cursor), cursor: String(desk.log.length) })),
      post: (_, frames) => answer(() => ({ frames: frames.flatMap((f) => desk.hear(f)) })),
      now: () => clock.now,
      later: (milliseconds, act) => {
        const stop = clock.later(milliseconds, () => this.alive && act());
        this.gone.push(stop);
        return stop;
      },
      chance: () => this.browser.chance,
      hidden: () => false,
      tabs,
      seen: () => this.looking,
    };
  }

  hear: (word: Word) => void = () => undefined;
}
