/** What the panel and the page around it say to each other, by postMessage. Each side checks the other's origin. */

/** From the page: who it is and what its script tag asks for. */
export interface Greeting {
  guichet: 'hello';
  open: boolean;
  page: { url: string; title: string; referrer: string };
  context: Record<string, unknown> | undefined;
  color: string | undefined;
  font: string | undefined;
  close: string | undefined;
  bare: boolean;
}

export type FromPage = Greeting | { guichet: 'open'; page: Greeting['page']; context: Greeting['context'] } | { guichet: 'shut' } | { guichet: 'end' };

export type ToPage =
  | { guichet: 'unread'; count: number }
  /** a conversation is going on: the page keeps the panel's connection over a change of page */
  | { guichet: 'going'; on: boolean }
  | { guichet: 'shut' }
  | { guichet: 'event'; name: string; detail?: unknown };

/** Shop is the page around the panel, as far as it has made itself known; alone in a window there is none. */
export class Shop {
  readonly framed = window.parent !== window;
  private origin: string | undefined;

  constructor(hear: (word: FromPage) => void) {
    if (!this.framed) return;
    addEventListener('message', (event) => {
      const word = event.data as FromPage | null;
      if (event.source !== window.parent || typeof word?.guichet !== 'string') return;
      if (word.guichet === 'hello') this.origin ??= event.origin;
      if (event.origin === this.origin) hear(word);
    });
  }

  tell(word: ToPage): void {
    if (this.framed && this.origin) window.parent.postMessage(word, this.origin);
  }
}

/** flat makes context variables of what a page's provider returned: plain values, or {value, isDisplayable}. */
export function flat(given: Record<string, unknown> | undefined): Record<string, string> | undefined {
  const found = Object.entries(given ?? {})
    .map(([name, value]) => [name, typeof value === 'object' && value !== null && 'value' in value ? (value as { value: unknown }).value : value] as const)
    .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
    .slice(0, 100)
    .map(([name, value]) => [name, String(value).slice(0, 1000)]);
  return found.length > 0 ? Object.fromEntries(found) : undefined;
}
