/**
 * What a panel keeps in its browser, for one channel. Where storage is blocked (private windows, third-party frames
 * in some browsers) it lasts as long as the page.
 */
export interface Store {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
  key(index: number): string | null;
  readonly length: number;
}

/** A Store in memory. */
export class Memory implements Store {
  private readonly kept = new Map<string, string>();
  getItem = (key: string): string | null => this.kept.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.kept.set(key, value);
  removeItem = (key: string): void => void this.kept.delete(key);
  key = (index: number): string | null => [...this.kept.keys()][index] ?? null;
  get length(): number {
    return this.kept.size;
  }
}

/** usable returns the browser's store when it may be read, else one in memory. One that is full can still be read. */
export function usable(find: () => Store): Store {
  try {
    const store = find();
    store.getItem('');
    return store;
  } catch {
    return new Memory();
  }
}

/** Keep is a Store's part for one channel. A write that the browser refuses (full) lasts as long as the page. */
export class Keep {
  private readonly prefix: string;
  private readonly beside = new Memory();

  constructor(
    private readonly store: Store,
    channel: string,
  ) {
    this.prefix = `guichet.chat.${channel}.`;
  }

  get(name: string): string {
    return this.beside.getItem(name) ?? this.store.getItem(this.prefix + name) ?? '';
  }

  set(name: string, value: string): void {
    try {
      this.store.setItem(this.prefix + name, value);
      this.beside.removeItem(name);
    } catch {
      this.beside.setItem(name, value);
    }
  }

  remove(name: string): void {
    this.beside.removeItem(name);
    this.store.removeItem(this.prefix + name);
  }

  /** names returns the names that begin so, in order. */
  names(beginning: string): string[] {
    const found = new Set<string>();
    for (let i = 0; i < this.store.length; i++) {
      const key = this.store.key(i) ?? '';
      if (key.startsWith(this.prefix + beginning)) found.add(key.slice(this.prefix.length));
    }
    for (let i = 0; i < this.beside.length; i++) {
      const name = this.beside.key(i) ?? '';
      if (name.startsWith(beginning)) found.add(name);
    }
    return [...found].sort();
  }
}

/** random returns so many random bytes as base64url. */
export function random(bytes: number): string {
  const raw = crypto.getRandomValues(new Uint8Array(bytes));
  return btoa(String.fromCharCode(...raw))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
