/**
 * What this browser keeps over a reload. A browser may forbid it or be full: then it lasts as long as the page, and
 * nothing else breaks.
 */
export const remembered = {
  read<T>(key: string): T | undefined {
    try {
      const text = localStorage.getItem(key);
      return text === null ? undefined : (JSON.parse(text) as T);
    } catch {
      return undefined;
    }
  },

  /** write returns false when the browser did not take it. */
  write(key: string, value: unknown): boolean {
    try {
      localStorage.setItem(key, JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  },

  forget(key: string): void {
    try {
      localStorage.removeItem(key);
    } catch {
      // It was not kept either.
    }
  },

  keys(prefix: string): string[] {
    try {
      return Object.keys(localStorage).filter((key) => key.startsWith(prefix));
    } catch {
      return [];
    }
  },
};
