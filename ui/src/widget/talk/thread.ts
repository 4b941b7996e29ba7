import type { Message } from './frames';

/**
 * Thread is the messages that a panel knows: a stretch without holes up to the newest, each once, in order of their
 * positions.
 */
export class Thread {
  messages: Message[] = [];
  /** there are older ones at the server */
  more = false;

  /** since is the newest position, for resuming; "" when nothing is known. */
  get since(): string {
    return this.messages.at(-1)?.position ?? '';
  }

  /** from is the oldest position, behind which changes are to be told; undefined when nothing is known. */
  get from(): string | undefined {
    return this.messages[0]?.position;
  }

  /** welcome takes what the server sends at the start of a connection that named `since`. */
  welcome(since: string, messages: Message[], more: boolean, gap: boolean): void {
    if (gap || since === '') {
      this.messages = [];
      this.more = more;
    }
    this.put(messages);
  }

  older(messages: Message[], more: boolean): void {
    this.put(messages);
    this.more = more;
  }

  /** put adds new messages and replaces changed ones. */
  put(messages: Message[]): void {
    if (messages.length === 0) return;
    const by = new Map(this.messages.map((m) => [m.position, m]));
    for (const m of messages) by.set(m.position, m);
    this.messages = [...by.values()].sort((a, b) => (a.position < b.position ? -1 : a.position > b.position ? 1 : 0));
  }

  /** has tells whether the visitor's message with this id is here. */
  has(client: string): boolean {
    return this.messages.some((m) => m.client === client);
  }

  /** after counts the messages of others behind a position. */
  after(position: string): number {
    return this.messages.filter((m) => m.position > position && !m.deleted && (m.from.kind === 'agent' || m.from.kind === 'bot')).length;
  }
}
