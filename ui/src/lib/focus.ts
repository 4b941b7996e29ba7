/**
 * Focus that is never lost: when what has it goes away (a button that has done its work, a page that is left, a window
 * whose opener is gone), it moves to the nearest place that makes sense, so that who works without a mouse goes on from
 * there and not from the top of the page.
 *
 * Near is, from the inside outwards, the summary of a part that can be folded, and what `data-focus-home` of a part
 * names; otherwise the home of the page.
 */
const nearest = 'details, [data-focus-home]';

/** keepFocus watches a page until the returned function is called. `home` is a selector. */
export function keepFocus(home: string): () => void {
  let last: HTMLElement | undefined;
  let around: HTMLElement[] = [];
  let waiting = false;

  const lost = () => last !== undefined && (!last.isConnected || last.matches(':disabled')) && (document.activeElement === document.body || document.activeElement === null);

  function homeOf(part: HTMLElement): HTMLElement | null {
    if (!part.isConnected) return null;
    return part.dataset.focusHome ? part.querySelector<HTMLElement>(part.dataset.focusHome) : part.querySelector('summary');
  }

  function mend() {
    waiting = false;
    if (!lost()) return;
    const places = [...around.map(homeOf), document.querySelector<HTMLElement>(home)];
    const to = places.find((place) => place && place !== last && place.getClientRects().length > 0);
    to?.focus({ preventScroll: true });
  }

  // Whoever took the focus with purpose, a window that closes, say, has the time of two frames to give it back.
  function look() {
    if (waiting || !lost()) return;
    waiting = true;
    requestAnimationFrame(() => requestAnimationFrame(mend));
  }

  function remember(event: FocusEvent) {
    last = event.target as HTMLElement;
    around = [];
    for (let at = last.parentElement?.closest<HTMLElement>(nearest); at; at = at.parentElement?.closest<HTMLElement>(nearest)) around.push(at);
  }

  const observer = new MutationObserver(look);
  observer.observe(document.body, { childList: true, subtree: true, attributeFilter: ['disabled'] });
  document.addEventListener('focusin', remember);
  return () => {
    observer.disconnect();
    document.removeEventListener('focusin', remember);
  };
}
