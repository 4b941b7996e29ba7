import { audience, offerOf, type Event, type FakeServer } from './fake';
import type { Frame, OwnFrame } from './frames';

/** FakeSocket is one browser's connection, on the server's side and in the shape of a WebSocket. */
export class FakeSocket {
  static readonly OPEN = 1;
  readyState = 0;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  readonly #frames: Frame[] = [];
  readonly #rings = new Map<string, string>();
  #pos = 0;
  #pumping = false;
  #silent = false;

  constructor(
    readonly server: FakeServer,
    readonly url: URL,
  ) {
    server.opened++;
    server.last = url;
    void this.#open();
  }

  async #open(): Promise<void> {
    await this.server.delay();
    if (this.server.network !== 'up' || this.readyState === 3) return this.end(1006);
    this.readyState = FakeSocket.OPEN;
    this.server.sockets.add(this);
    const since = Number(this.url.searchParams.get('since') ?? 0);
    if (since >= this.server.epoch && since <= this.server.log.length) this.#resume(since);
    else this.#snapshot();
    this.pump();
    const pings = setInterval(() => {
      if (this.readyState !== FakeSocket.OPEN) clearInterval(pings);
      else this.tell({ type: 'ping', at: new Date().toISOString() });
    }, 20_000);
  }

  send(text: string): void {
    this.server.heard.push(JSON.parse(text) as OwnFrame);
  }

  close(): void {
    this.readyState = 3;
    this.server.sockets.delete(this);
  }

  /** end closes from the server's side; without a code the browser hears nothing any more. */
  end(code: number | undefined): void {
    this.server.sockets.delete(this);
    this.#silent = true;
    if (code === undefined || this.readyState === 3) return;
    this.readyState = 3;
    setTimeout(() => this.onclose?.({ code }), this.server.random() * 20);
  }

  /** tell sends a frame that nothing else would. */
  tell(frame: Frame): void {
    this.#frames.push(frame);
    this.pump();
  }

  /** pump hands over what there is, one frame after the other. */
  pump(): void {
    if (this.#pumping || this.#silent || this.readyState !== FakeSocket.OPEN) return;
    if (this.#frames.length === 0 && this.#pos >= this.server.log.length) return;
    this.#pumping = true;
    setTimeout(() => {
      this.#pumping = false;
      if (this.#silent || this.readyState !== FakeSocket.OPEN) return;
      while (this.#frames.length === 0 && this.#pos < this.server.log.length) this.#handle(++this.#pos);
      const frame = this.#frames.shift();
      if (frame) this.onmessage?.({ data: JSON.stringify(frame) });
      this.pump();
    }, this.server.random() * 25);
  }

  #snapshot(): void {
    const { server } = this;
    this.#frames.push({ type: 'hello', seq: 0, resumed: false });
    const held = [...server.conversations.values()].filter((k) => server.holds(k));
    const list = held.slice(0, server.snapshotMost);
    for (let part = 0; part === 0 || part * server.snapshotPart < list.length; part++) {
      const conversations = list.slice(part * server.snapshotPart, (part + 1) * server.snapshotPart).map((k) => k.c);
      const last = (part + 1) * server.snapshotPart >= list.length;
      this.#frames.push({
        type: 'snapshot', seq: last ? server.log.length : 0, part, last, conversations, offers: part === 0 ? server.offers() : [],
        truncated: held.length > list.length,
        ...(part === 0 ? { me: { agent: server.viewer.agent, presence: server.presence, load: server.load, capacity: 4 } } : {}),
      }); // prettier-ignore
    }
    for (const o of server.offers()) this.#rings.set(o.conversation, o.id);
    this.#pos = server.log.length;
  }

  /** #resume tells what was missed: each thing once, at the place of its first event, as it is now. */
  #resume(since: number): void {
    const { server } = this;
    const upTo = server.log.length;
    const told: Frame[] = [{ type: 'hello', seq: since, resumed: true }];
    const rest: { at: number; frames: Frame[] }[] = [];
    const lost = new Map<string, boolean>();
    for (const e of server.log.slice(since - 1, upTo))
      if (e.topic === 'conversation' && ((e.before && server.in(e.before)) || server.in(e.after)))
        lost.set(e.id, (lost.get(e.id) ?? false) || !server.in(e.after));
    const seen = new Set<string>();
    for (let at = since; at <= upTo; at++) {
      const e = server.log[at - 1]!;
      const key = e.topic === 'message' ? `${e.id} ${e.seq}` : e.topic === 'agent' ? 'agent' : e.id;
      if (seen.has(key) || (e.topic === 'conversation' && !lost.has(e.id))) continue;
      seen.add(key);
      rest.push({ at, frames: this.#frameOf(e, at, lost.get(key) ?? false) });
    }
    for (const o of server.offers()) {
      told.push({ type: 'offer', seq: since, offer: o });
      this.#rings.set(o.conversation, o.id);
    }
    for (const o of server.ended)
      if (o.at >= since && o.at <= upTo) rest.push({ at: o.at, frames: [{ type: 'offer-ended', seq: o.at, offer: o.offer, conversation: o.conversation }] });
    rest.sort((a, b) => a.at - b.at);
    this.#frames.push(...told, ...rest.flatMap((r) => r.frames));
    this.#pos = upTo;
  }

  #handle(pos: number): void {
    const { server } = this;
    const e = server.log[pos - 1]!;
    const saw = e.topic === 'conversation' && e.before !== undefined && server.in(e.before);
    if (e.topic === 'conversation' && !saw && !server.in(e.after)) return;
    this.#frames.push(...this.#frameOf(e, pos, e.topic === 'conversation' && saw && !server.in(e.after)));
    if (e.topic === 'conversation') this.#ring(e.id, pos);
  }

  #ring(id: string, pos: number): void {
    const kept = this.server.get(id);
    const told = this.#rings.get(id);
    if (told && told !== kept.offer?.id) {
      this.#rings.delete(id);
      this.#frames.push({ type: 'offer-ended', seq: pos, offer: told, conversation: id });
    }
    if (kept.offer?.agent === this.server.viewer.agent && told !== kept.offer.id) {
      this.#rings.set(id, kept.offer.id);
      this.#frames.push({ type: 'offer', seq: pos, offer: offerOf(kept) });
    }
  }

  #frameOf(e: Event, seq: number, lost: boolean): Frame[] {
    const { server } = this;
    if (e.topic === 'agent') return [{ type: 'presence', seq, agent: server.viewer.agent, presence: server.presence, load: server.load }];
    const kept = server.get(e.id);
    if (e.topic === 'message') {
      const message = kept.messages[e.seq - 1]!;
      return server.in(e.after) ? [{ type: 'message', seq, conversation: e.id, message }] : [];
    }
    if (e.topic === 'contact' && (kept.c.state === 'closed' || !server.in(audience(kept)))) return [];
    const shown = server.holds(kept);
    const closed = kept.c.state === 'closed' && server.in(audience(kept));
    const removed: Frame = { type: 'removed', seq, conversation: e.id };
    const frames: Frame[] = lost || (!shown && !closed) ? [removed] : [];
    if (shown || closed) frames.push({ type: 'conversation', seq, conversation: kept.c });
    if (closed) frames.push(removed);
    return frames;
  }
}
