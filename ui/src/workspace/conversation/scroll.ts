/** Where a thread stands while it grows at both ends. */

/** How near to the end, in px, still counts as being there. */
const nearEnd = 48;

/** atEnd tells whether the reader is at the end: new messages then appear without a motion of theirs. */
export const atEnd = (box: { scrollTop: number; scrollHeight: number; clientHeight: number }): boolean => box.scrollHeight - box.scrollTop - box.clientHeight < nearEnd;

/**
 * hold notes where the first message in sight stands; the returned function puts it back there after others were added
 * above it. The message may have been drawn anew meanwhile: it is found by its place in the log.
 */
export function hold(box: HTMLElement): () => void {
  const top = box.getBoundingClientRect().top;
  const first = [...box.querySelectorAll<HTMLElement>('[data-seq]')].find((element) => element.getBoundingClientRect().bottom > top);
  if (!first) return () => {};
  const before = first.getBoundingClientRect().top;
  return () => {
    const now = box.querySelector<HTMLElement>(`[data-seq="${first.dataset.seq}"]`);
    if (now) box.scrollTop += now.getBoundingClientRect().top - before;
  };
}
