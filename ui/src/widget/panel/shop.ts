/** What the panel and the page around it say to each other, by postMessage. Each side checks the other's origin. */

/** From the page: who it is and what its script tag asks for. */
export interface Greeting {
  guichet: 'hello';
  open: boolean;
  /** the visitor asked for it: the place to write gets the focus */
  focus: boolean;
  page: { url: string; title: string; referrer: string };
  context: Record<string, unknown> | undefined;
  color: string | undefined;
  font: string | undefined;
  close: string | undefined;
  bare: boolean;
}

export type FromPage = Greeting | { guichet: 'open'; focus: boolean; page: Greeting['page']; context: Greeting['context'] } | { guichet: 'shut' } | { guichet: 'end' };

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

/** How many bytes of context variables go with a message; together with the longest text they fit into a frame. */
const contextMost = 6000;

/** flat makes context variables of what a page's provider returned: plain values, or {value, isDisplayable}. */
export function flat(given: Record<string, unknown> | undefined): Record<string, string> | undefined {
  const found: Record<string, string> = {};
  let room = contextMost;
  for (const [name, wrapped] of Object.entries(given ?? {}).slice(0, 100)) {
    const value = typeof wrapped === 'object' && wrapped !== null && 'value' in wrapped ? wrapped.value : wrapped;
    if (!['string', 'number', 'boolean'].includes(typeof value)) continue;
    const text = String(value).slice(0, 1000);
    room -= new TextEncoder().encode(JSON.stringify([name, text])).length;
    if (room < 0) break;
    found[name] = text;
  }
  return Object.keys(found).length > 0 ? found : undefined;
}
