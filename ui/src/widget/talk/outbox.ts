import { Keep, random } from './keep';
import type { Refusal } from './frames';

/** A file that the server already holds, by its handle. */
export interface Sent {
  handle: string;
  name: string;
  type: string;
  size: number;
}

/** A message of the visitor that is not known to be stored. */
export interface Outgoing {
  /** the client-made id: sending it again is harmless */
  id: string;
  text: string;
  files: Sent[];
  /** when it was written, in milliseconds */
  at: number;
  /** the tab that wrote it and sends it first */
  tab: string;
  /** context variables, with what may be the first message */
  context?: Record<string, string>;
  refused?: Refusal;
}

/**
 * Outbox keeps what the visitor wrote until the server has it, in order. Each message has an entry of its own, so that
 * two tabs never overwrite each other; an entry goes when the message is accepted, by whichever tab hears of it.
 */
export class Outbox {
  private last = 0;

  constructor(private readonly keep: Keep) {}

  /** all returns what waits, oldest first, the refused among it. */
  all(): Outgoing[] {
    const found: Outgoing[] = [];
    for (const name of this.keep.names('out.')) {
      const item = read(this.keep.get(name));
      if (item) found.push(item);
      else this.keep.remove(name);
    }
    return found;
  }

  /** next returns the oldest that may be sent. */
  next(): Outgoing | undefined {
    return this.all().find((item) => !item.refused);
  }

  add(item: Omit<Outgoing, 'id'>): Outgoing {
    const made = { ...item, id: random(16) };
    // Written later sorts later, also within one millisecond, and after a clock was set back.
    const before = Number(this.keep.names('out.').at(-1)?.split('.')[1] ?? 0);
    const at = (this.last = Math.max(Math.floor(item.at), this.last + 1, before + 1));
    this.keep.set(`out.${String(at).padStart(15, '0')}.${made.id}`, JSON.stringify(made));
    return made;
  }

  /** done forgets a message; whether it was there. */
  done(id: string): boolean {
    const name = this.name(id);
    if (name) this.keep.remove(name);
    return name !== undefined;
  }

  refuse(id: string, code: Refusal | undefined): void {
    const name = this.name(id);
    const item = name && read(this.keep.get(name));
    if (!name || !item) return;
    const { refused: _, ...rest } = item;
    this.keep.set(name, JSON.stringify(code ? { ...rest, refused: code } : rest));
  }

  private name(id: string): string | undefined {
    return this.keep.names('out.').find((name) => name.endsWith('.' + id));
  }
}

function read(text: string): Outgoing | undefined {
  try {
    const item = JSON.parse(text) as Outgoing;
    return typeof item.id === 'string' && typeof item.text === 'string' && Array.isArray(item.files) ? item : undefined;
  } catch {
    return undefined;
  }
}
