import type { Message } from '../api/client';

interface Entry {
  message: Message;
  told: number; // the moment at which the socket last told of it; 0: it was only read
}

/**
 * The messages of one conversation that are here: a stretch without holes, in the order of seq. Messages that come
 * with a hole before them wait outside until the hole is filled. Moments are the desk's: what was told after a
 * question was put is not overwritten by its answer.
 */
export class Log {
  #entries: Entry[] = [];
  #ahead = new Map<number, Entry>();
  /** Up to here, from the first message, everything is here. */
  through = 0;

  get first(): number {
    return this.#entries[0]?.message.seq ?? 0;
  }

  /** hole tells whether something waits for what is missing before it. */
  get hole(): boolean {
    return this.#ahead.size > 0;
  }

  /** highest is the newest message that was heard of. */
  get highest(): number {
    return Math.max(this.through, ...this.#ahead.keys());
  }

  get messages(): Message[] {
    return this.#entries.map((e) => e.message);
  }

  has(id: string, author: string): boolean {
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      const m = this.#entries[i]!.message;
      if (m.id === id && m.from.id === author) return true;
    }
    return false;
  }

  /** tell takes in what the socket tells of one message. What lies before the first one here is left out. */
  tell(message: Message, moment: number): void {
    const entry = { message, told: moment };
    if (message.seq > this.through + 1 || (this.through === 0 && message.seq > 1)) this.#ahead.set(message.seq, entry);
    else if (message.seq > this.through || message.seq >= this.first) this.#put(entry);
    this.#fold();
  }

  /** answer takes in what some call has answered about one message. */
  answer(message: Message, begun: number): void {
    const have = this.#ahead.get(message.seq) ?? this.#at(message.seq);
    if (!have || have.told <= begun) this.tell(message, begun);
  }

  /** newest takes in the last page of the log. When it does not reach what is here, only it remains. */
  newest(page: readonly Message[], begun: number): void {
    const first = page[0];
    if (first && first.seq > this.through + 1) {
      const late = this.#entries.filter((e) => e.told > begun);
      this.#entries = [];
      this.through = 0;
      for (const e of late) if (e.message.seq >= first.seq) this.#ahead.set(e.message.seq, e);
    }
    this.#read(page, begun);
  }

  /** after takes in a page that follows what is here. At the end of the log, holes that are left are real ones. */
  after(page: readonly Message[], begun: number, end: boolean): void {
    this.#read(page, begun);
    if (!end) return;
    const known = [...this.#ahead.values()].filter((e) => e.told <= begun).map((e) => e.message.seq);
    const real = Math.max(0, ...known);
    for (const seq of [...this.#ahead.keys()].sort((a, b) => a - b)) {
      if (seq > real) break;
      this.#put(this.#ahead.get(seq)!);
      this.#ahead.delete(seq);
    }
    this.#fold();
  }

  /** before takes in a page that precedes what is here. */
  before(page: readonly Message[], begun: number): void {
    this.#read(page, begun);
  }

  /** cut forgets what lies before a seq. */
  cut(seq: number): void {
    this.#entries = this.#entries.filter((e) => e.message.seq >= seq);
  }

  #read(page: readonly Message[], begun: number): void {
    for (const message of page) {
      const waiting = this.#ahead.get(message.seq);
      this.#ahead.delete(message.seq);
      const have = waiting ?? this.#at(message.seq);
      this.#put(have && have.told > begun ? have : { message, told: 0 });
    }
    this.#fold();
  }

  #fold(): void {
    for (let next = this.#ahead.get(this.through + 1); next && this.through > 0; next = this.#ahead.get(this.through + 1)) {
      this.#ahead.delete(next.message.seq);
      this.#put(next);
    }
  }

  #at(seq: number): Entry | undefined {
    const found = this.#entries[this.#index(seq)];
    return found?.message.seq === seq ? found : undefined;
  }

  #put(entry: Entry): void {
    const { seq } = entry.message;
    const index = this.#index(seq);
    const there = this.#entries[index]?.message.seq === seq;
    this.#entries.splice(index, there ? 1 : 0, entry);
    this.through = Math.max(this.through, seq);
  }

  #index(seq: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#entries[middle]!.message.seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
