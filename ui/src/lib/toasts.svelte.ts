/** Short news at the foot of the page: one line, one act. Never for what needs an answer. */
export interface Toast {
  id: number;
  text: string;
  kind: 'information' | 'error';
  act?: { text: string; run: () => void };
}

const quietAfterMs = 8000;

let list = $state<Toast[]>([]);
let last = 0;

/** toasts are those to show now, oldest first. */
export const toasts = (): readonly Toast[] => list;

/** toast shows a line for eight seconds; an error stays until it is dismissed. */
export function toast(text: string, { kind = 'information', act }: Partial<Pick<Toast, 'kind' | 'act'>> = {}): number {
  const id = ++last;
  list = [...list.filter((one) => one.text !== text), { id, text, kind, ...(act ? { act } : {}) }].slice(-3);
  if (kind === 'information') setTimeout(() => dismiss(id), quietAfterMs);
  return id;
}

export function dismiss(id: number): void {
  list = list.filter((one) => one.id !== id);
}
