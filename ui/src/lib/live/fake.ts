/**
 * A server for the store's tests: it keeps the protocol of core/live and the part of the API that the store calls, in
 * memory, over a network that can be slow, cut, silent or blocked. Its clock and its chance are the test's.
 */
import { vi } from 'vitest';
import type { Conversation, Message } from '../api/client';
import { FakeSocket } from './fakesocket';
import type { OwnFrame } from './frames';

export type Audience = { queue: string; agents: string[] };
export type Event =
  | { topic: 'conversation'; id: string; before: Audience | undefined; after: Audience }
  | { topic: 'message'; id: string; seq: number; after: Audience }
  | { topic: 'contact'; id: string }
  | { topic: 'agent' };

export interface Kept {
  c: Conversation;
  messages: Message[];
  offer: { id: string; agent: string; deadline: number } | undefined;
}

interface Viewer {
  agent: string;
  all: boolean;
  queues: string[];
}

export class FakeServer {
  readonly conversations = new Map<string, Kept>();
  readonly log: Event[] = []; // position n is at n-1
  readonly ended: { at: number; offer: string; conversation: string }[] = [];
  readonly sockets = new Set<FakeSocket>();
  epoch = 1; // positions before it get a snapshot
  presence = 'available';
  load = 0;
  draft: { text: string; visibility: string; updated_at: string } | undefined;
  snapshotMost = 12;
  snapshotPart = 3;
  /** up: everything goes; down: nothing answers; blocked: no WebSockets. */
  network: 'up' | 'down' | 'blocked' = 'up';
  /** How often an answer is lost, before or after the server did what was asked. */
  loss = 0;
  status = 0; // when set, every call is answered so
  heard: OwnFrame[] = [];
  /** How long a call takes at most to get here, and its answer back, in ms. */
  slowness = 40;
  opened = 0; // sockets that were asked for
  last: URL | undefined; // where the last one was asked for
  calls: string[] = [];
  #ids = 0;

  constructor(
    readonly viewer: Viewer,
    readonly random: () => number,
  ) {}

  /** install puts the server in the place of fetch and WebSocket. */
  install(): void {
    const server = this;
    vi.stubGlobal('fetch', (request: Request) => server.fetch(request));
    vi.stubGlobal(
      'WebSocket',
      class extends FakeSocket {
        constructor(url: URL) {
          super(server, url);
        }
      },
    );
  }

  /** socket is the connection of the only browser. */
  get socket(): FakeSocket {
    return [...this.sockets].at(-1)!;
  }

  id(kind: string): string {
    return kind + String(++this.#ids).padStart(26 - kind.length, '0');
  }

  pick<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.random() * list.length)];
  }

  delay(): Promise<void> {
    return new Promise((done) => setTimeout(done, this.random() * this.slowness));
  }

  get(id: string): Kept {
    return this.conversations.get(id)!;
  }

  add(queue: string): string {
    const id = this.id('C');
    const now = new Date().toISOString();
    const c: Conversation = {
      id, version: 0, state: 'open', channel: 'chat', account: 'web', workstream: 'chat', queue, assignee: '', contact: { id: this.id('P'), name: 'Léa', anonymous: false },
      last_seq: 0, last_message: null as never, last_customer_message: null as never, waiting_since: now, queued_since: now, unread: 0, window: null,
      created_at: now, last_activity: now, closed_at: null, plugin: 'webchat', queue_name: queue, assignee_name: '', first_words: '', read_up_to: 0,
    }; // prettier-ignore
    this.conversations.set(id, { c, messages: [], offer: undefined });
    this.change(id, () => {}, true);
    return id;
  }

  /** change changes a conversation and tells it. */
  change(id: string, by: (kept: Kept) => void, fresh = false): void {
    const kept = this.get(id);
    const before = fresh ? undefined : audience(kept);
    const was = kept.offer;
    kept.c = { ...kept.c };
    by(kept);
    kept.c.version++;
    kept.c.last_activity = new Date().toISOString();
    if (kept.c.state !== 'open') kept.offer = undefined;
    if (kept.offer) kept.c.offered_to = kept.offer.agent;
    else delete kept.c.offered_to;
    this.log.push({ topic: 'conversation', id, before, after: audience(kept) });
    if (was && was.id !== kept.offer?.id) this.ended.push({ at: this.log.length, offer: was.id, conversation: id });
    this.wake();
  }

  say(id: string, from: Message['from'], text: string, more: Partial<Message> = {}): Message {
    const now = new Date().toISOString();
    const seq = this.get(id).c.last_seq + 1;
    const message: Message = {
      id: this.id('M'), conversation: id, seq, kind: 'text', from, visibility: 'public', text, attachments: [], state: 'received', reason: null as never,
      external_ids: [], occurred_at: now, created_at: now, ...more,
    }; // prettier-ignore
    this.get(id).messages.push(message);
    const first = this.random() < 0.5;
    if (first) this.log.push({ topic: 'message', id, seq, after: audience(this.get(id)) });
    this.change(id, ({ c }) => {
      c.last_seq = seq;
      c.last_message = { seq, from: from.kind, text, at: now };
      if (from.kind === 'customer') c.unread++;
    });
    if (!first) this.log.push({ topic: 'message', id, seq, after: audience(this.get(id)) });
    this.wake();
    return message;
  }

  edit(id: string, seq: number, by: Partial<Message>): void {
    const kept = this.get(id);
    kept.messages = kept.messages.map((m) => (m.seq === seq ? { ...m, ...by } : m));
    this.log.push({ topic: 'message', id, seq, after: audience(kept) });
    this.wake();
  }

  rename(id: string, name: string): void {
    const kept = this.get(id);
    kept.c = { ...kept.c, contact: { ...kept.c.contact, name } };
    this.log.push({ topic: 'contact', id });
    this.wake();
  }

  setPresence(presence: string): void {
    this.presence = presence;
    this.log.push({ topic: 'agent' });
    this.wake();
  }

  offer(id: string, agent: string, seconds = 30): string {
    const offer = this.id('O');
    this.change(id, (kept) => (kept.offer = { id: offer, agent, deadline: performance.now() + seconds * 1000 }));
    setTimeout(() => this.get(id).offer?.id === offer && this.change(id, (kept) => (kept.offer = undefined)), seconds * 1000);
    return offer;
  }

  wake(): void {
    for (const socket of this.sockets) socket.pump();
  }

  /** cut ends every socket; silently, the browser is not told. */
  cut(silently = false, code = 1006): void {
    for (const socket of [...this.sockets]) socket.end(silently ? undefined : code);
  }

  in(a: Audience): boolean {
    return this.viewer.all || this.viewer.queues.includes(a.queue) || a.agents.includes(this.viewer.agent);
  }

  holds({ c, offer }: Kept): boolean {
    const me = this.viewer.agent;
    if (c.state === 'closed') return false;
    if (this.viewer.all || c.assignee === me || offer?.agent === me) return true;
    if (c.state === 'waiting') return c.assignee === '' && c.former === me;
    return c.state === 'open' && this.viewer.queues.includes(c.queue);
  }

  list(view: string): Conversation[] {
    const me = this.viewer.agent;
    const all = [...this.conversations.values()].map((k) => k.c);
    const down = (at: (c: Conversation) => string | null | undefined) => (a: Conversation, b: Conversation) =>
      Date.parse(at(b) ?? '') - Date.parse(at(a) ?? '') || (a.id < b.id ? -1 : 1);
    switch (view) {
      case 'mine':
        return all
          .filter((c) => c.state !== 'closed' && (c.assignee === me || (c.state === 'waiting' && !c.assignee && c.former === me)))
          .sort(down((c) => c.last_activity));
      case 'waiting':
        return all
          .filter((c) => c.state === 'open' && (this.viewer.all || this.viewer.queues.includes(c.queue)))
          .sort((a, b) => Date.parse(a.queued_since!) - Date.parse(b.queued_since!) || (a.id < b.id ? -1 : 1));
      case 'all':
        return all.filter((c) => c.state !== 'closed').sort(down((c) => c.last_activity));
      default:
        return all.filter((c) => c.state === 'closed' && (this.viewer.all || c.former === me)).sort(down((c) => c.closed_at));
    }
  }

  offers(): { id: string; conversation: string; queue: string; contact: Conversation['contact']; remaining_ms: number }[] {
    return [...this.conversations.values()].filter((k) => k.offer?.agent === this.viewer.agent).map(offerOf);
  }

  async fetch(request: Request): Promise<Response> {
    const body = request.method === 'GET' ? '' : await request.text();
    const url = new URL(request.url);
    const path = url.pathname.replace('/api/v1', '');
    this.calls.push(`${request.method} ${path}`);
    await this.delay();
    if (this.network === 'down' || request.signal.aborted || this.random() < this.loss) throw new TypeError('network');
    if (this.status) return problem(this.status, 'unavailable');
    const [status, answer] = this.#answer(request.method, path, url.searchParams, body ? (JSON.parse(body) as Record<string, unknown>) : {});
    await this.delay();
    if (this.network === ('down' as string) || request.signal.aborted || this.random() < this.loss) throw new TypeError('network');
    if (status >= 400) return problem(status, answer as string);
    return new Response(status === 204 ? null : (answer as string), { status, headers: { 'Content-Type': 'application/json' } });
  }

  /** #answer does what is asked, at one moment. */
  #answer(method: string, path: string, query: URLSearchParams, body: Record<string, unknown>): [number, string | null] {
    const [, first = '', id = '', verb = ''] = path.split('/');
    const ok = (value: unknown): [number, string] => [200, JSON.stringify(value)];
    if (path === '/me') return ok({});
    if (path === '/me/presence' || path === '/me/presence/renew') return ok({ presence: this.presence, load: this.load, capacity: 4 });
    if (path === '/agents') return ok({ items: [{ id: 'bo', name: 'Bo' }], next: '' });
    if (path === '/queues') return ok({ items: ['q1', 'q2'].map((q) => ({ id: q, mine: this.viewer.queues.includes(q) })), next: '' });
    if (path === '/counts') return ok({ mine: this.list('mine').length, waiting: this.list('waiting').length, all: this.list('all').length });
    if (path === '/offers') return ok({ items: this.offers(), next: '' });
    if (first === 'offers') return this.#answerOffer(id, verb);
    if (path === '/conversations') {
      const limit = 4; // small, so that there are many pages
      const start = query.get('cursor');
      const list = this.list(query.get('view')!);
      const from = start ? list.filter((c) => beyond(query.get('view')!, c, start)) : list;
      const page = from.slice(0, limit);
      return ok({ items: page, next: from.length > limit ? cursorOf(query.get('view')!, page.at(-1)!) : '' });
    }
    const kept = this.conversations.get(id);
    const seen = kept && (this.holds(kept) || this.in(audience(kept)));
    if (method === 'POST' && verb === 'messages') return this.#answerSend(id, seen === true, body);
    if (!kept || !seen) return [404, 'not-found'];
    if (verb === '') return ok({ ...kept.c, context: {}, sessions: [], identity: { kind: '', value: '' }, thread: 'user', draft: this.draft });
    if (verb === 'draft') {
      const draft = { text: String(body.text), visibility: String(body.visibility), updated_at: new Date().toISOString() };
      this.draft = draft.text ? draft : undefined;
      return ok(draft);
    }
    if (verb === 'read') {
      if (kept.c.unread) this.change(id, ({ c }) => (c.unread = 0));
      return [204, null];
    }
    const limit = 5;
    if (query.has('before')) {
      const before = Number(query.get('before')) || Infinity;
      const list = kept.messages.filter((m) => m.seq < before);
      const page = list.slice(-limit);
      return ok({ items: page, next: list.length > limit ? String(page[0]!.seq) : '' });
    }
    const list = kept.messages.filter((m) => m.seq > Number(query.get('after')));
    const page = list.slice(0, limit);
    return ok({ items: page, next: list.length > limit ? String(page.at(-1)!.seq) : '' });
  }

  #answerSend(id: string, seen: boolean, body: Record<string, unknown>): [number, string] {
    const kept = this.conversations.get(id);
    const had = kept?.messages.find((m) => m.id === body.id && m.from.id === this.viewer.agent);
    if (had) return [200, JSON.stringify(had)];
    if (!kept || !seen) return [404, 'not-found'];
    const others = kept.messages.filter((m) => m.visibility === 'public' && m.from.kind === 'agent' && m.from.id !== this.viewer.agent);
    if (body.last_seen !== undefined && others.some((m) => m.seq > Number(body.last_seen))) return [409, 'answered-meanwhile'];
    const from = { kind: 'agent', id: this.viewer.agent, name: 'Ana' };
    this.draft = undefined; // it goes with the message
    const message = this.say(id, from, String(body.text), { id: String(body.id), visibility: body.visibility as 'public', state: 'queued' });
    return [201, JSON.stringify(message)];
  }

  #answerOffer(offer: string, verb: string): [number, string | null] {
    const kept = [...this.conversations.values()].find((k) => k.offer?.id === offer);
    if (!kept) return [409, 'offer-ended'];
    this.change(kept.c.id, (k) => {
      k.offer = undefined;
      if (verb === 'accept') Object.assign(k.c, { state: 'active', assignee: this.viewer.agent });
    });
    return verb === 'accept' ? [200, JSON.stringify({ ...kept.c, context: {}, sessions: [], identity: {}, thread: 'user' })] : [204, null];
  }
}

export function audience({ c, offer }: Kept): Audience {
  const agents = [c.assignee, c.state === 'waiting' || c.state === 'wrap-up' || c.state === 'closed' ? (c.former ?? '') : '', offer?.agent ?? ''];
  return { queue: c.state === 'open' ? c.queue : '', agents: agents.filter((a) => a !== '') };
}

export function offerOf({ c, offer }: Kept) {
  return { id: offer!.id, conversation: c.id, queue: c.queue, contact: c.contact, remaining_ms: Math.max(0, offer!.deadline - performance.now()) };
}

function cursorOf(view: string, c: Conversation): string {
  const at = view === 'waiting' ? c.queued_since : view === 'closed' ? c.closed_at : c.last_activity;
  return `${at} ${c.id}`;
}

function beyond(view: string, c: Conversation, cursor: string): boolean {
  const own = cursorOf(view, c);
  const [at, id] = own.split(' ');
  const [endAt, endId] = cursor.split(' ');
  if (at !== endAt) return view === 'waiting' ? at! > endAt! : at! < endAt!;
  return id! > endId!;
}

function problem(status: number, code: string): Response {
  return new Response(JSON.stringify({ status, code, title: code }), { status, headers: { 'Content-Type': 'application/problem+json' } });
}

/** seeded is a source of chance that a seed repeats. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let n = Math.imul(state ^ (state >>> 15), 1 | state);
    n = (n + Math.imul(n ^ (n >>> 7), 61 | n)) ^ n;
    return ((n ^ (n >>> 14)) >>> 0) / 4294967296;
  };
}
