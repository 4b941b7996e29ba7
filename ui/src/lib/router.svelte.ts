/** The address below /app/, as the pages see it. No reload: the history API moves between pages. */
const base = '/app';

let path = $state(read());

function read(): string {
  const now = globalThis.location?.pathname ?? base + '/';
  return now.startsWith(base) ? now.slice(base.length) || '/' : '/';
}

let holds: ((to: string) => boolean) | undefined;

/**
 * holdBack asks before each step away from the page: `mayGo` is given the path to go to and says no to stay. The result
 * ends it. Only one page at a time asks.
 */
export function holdBack(mayGo: (to: string) => boolean): () => void {
  holds = mayGo;
  return () => {
    if (holds === mayGo) holds = undefined;
  };
}

globalThis.addEventListener?.('popstate', () => {
  if (holds && !holds(read())) history.pushState(null, '', href(path));
  else path = read();
});

/** route is the path below /app, with a leading slash: "/", "/conversations/01J…", "/admin/accounts". */
export const route = (): string => path;

/** href is the address of a path, for links. */
export const href = (to: string): string => base + to;

/** go moves to a path; `replace` leaves no step back. */
export function go(to: string, { replace = false } = {}): void {
  if (to === path || (holds && !holds(to))) return;
  history[replace ? 'replaceState' : 'pushState'](null, '', href(to));
  path = read();
}

/** match compares the path with a pattern such as "/conversations/:id" and returns its parts, or null. */
export function match(pattern: string, against: string = path): Record<string, string> | null {
  const want = pattern.split('/');
  const have = against.replace(/\/$/, '').split('/');
  if (want.length !== have.length) return null;
  const parts: Record<string, string> = {};
  for (let i = 0; i < want.length; i++) {
    const [w = '', h = ''] = [want[i], have[i]];
    if (w.startsWith(':')) parts[w.slice(1)] = decodeURIComponent(h);
    else if (w !== h) return null;
  }
  return parts;
}

/** followLinks is an action that lets the plain links inside an element move without a reload. */
export function followLinks(element: HTMLElement): { destroy(): void } {
  const onClick = (event: MouseEvent) => {
    const link = (event.target as Element).closest?.('a');
    if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const to = new URL(link.href, location.href);
    if (to.origin !== location.origin || !to.pathname.startsWith(base + '/') || link.target || link.hasAttribute('download')) return;
    if (to.hash && to.pathname === location.pathname) return; // a place on this page
    event.preventDefault();
    go(to.pathname.slice(base.length));
  };
  element.addEventListener('click', onClick);
  return { destroy: () => element.removeEventListener('click', onClick) };
}
