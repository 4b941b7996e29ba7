import type { TextKey } from '$lib/i18n/index.svelte';
import type { Shortcut, ShortcutGroup } from '$lib/keyboard';

export interface Line {
  text: TextKey;
  group: ShortcutGroup;
  keys: string[];
  /** The keys are the first and the last of a row of them: Alt 1 – Alt 9. */
  range: boolean;
}

/** lines are the shortcuts as the sheet shows them: one line for each act, however many keys do it. */
export function lines(shortcuts: readonly Shortcut[]): Line[] {
  const found = new Map<string, Line>();
  for (const { text, group, keys } of shortcuts) {
    const line = found.get(text);
    if (!line) found.set(text, { text, group, keys: [keys], range: false });
    else if (!line.keys.includes(keys)) line.keys.push(keys);
  }
  return [...found.values()].map((line) => {
    const range = line.keys.length > 2;
    return range ? { ...line, range, keys: [line.keys[0]!, line.keys.at(-1)!] } : line;
  });
}
