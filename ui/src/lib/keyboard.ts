/**
 * The shortcuts of the interface: one registry, one listener. A page registers what it can do when it is mounted and
 * takes it back when it leaves; the sheet behind `?` lists what is registered. Single letters act only when no field and
 * no menu has the focus, and can be switched off (WCAG 2.1.4).
 *
 * Keys are written as "j", "?", "escape", "mod+k" (Ctrl, or ⌘ on a Mac), "alt+1", "mod+shift+enter"; "g i" is two keys
 * one after the other. A key without modifiers is the character that the layout gives; digits with Alt go by their place,
 * since layouts hide them behind Shift.
 */
import { SvelteSet } from 'svelte/reactivity';
import type { TextKey } from './i18n/index.svelte';
import { settings } from './settings.svelte';

export type ShortcutGroup = 'everywhere' | 'list' | 'conversation' | 'writing' | 'offer';

export interface Shortcut {
  keys: string;
  /** What it does, for the sheet. Several keys with the same text stand in one line. */
  text: TextKey;
  group: ShortcutGroup;
  /** act does it; false means that it did not apply, and the key goes on to the next one and to the browser. */
  act: (event: KeyboardEvent) => void | false;
  /** Whether it applies now. */
  when?: () => boolean;
  /** Acts also while a field has the focus. Keys with Ctrl, ⌘ or Alt always do, unless this is false. */
  inFields?: boolean;
}

const registered = new SvelteSet<Shortcut>();
const sequenceMs = 1200; // how long the second key of "g i" may take

let lead = '';
let leadAt = -Infinity;

/** register makes shortcuts act until the returned function is called. Of two with the same keys the later one acts. */
export function register(shortcuts: Shortcut[]): () => void {
  for (const shortcut of shortcuts) registered.add(shortcut);
  return () => {
    for (const shortcut of shortcuts) registered.delete(shortcut);
  };
}

/** shortcuts are the registered ones, for the sheet. */
export const shortcuts = (): Shortcut[] => [...registered];

const mac = /mac|iphone|ipad/i.test(globalThis.navigator?.platform ?? '');

/** pressed names the key of an event the way shortcuts are written. */
export function pressed(event: KeyboardEvent): string {
  let key = event.key.toLowerCase();
  if (key === ' ') key = 'space';
  if (event.altKey && /^Digit\d$/.test(event.code)) key = event.code.slice(5);
  const parts: string[] = [];
  if (mac ? event.metaKey : event.ctrlKey) parts.push('mod');
  if (event.altKey) parts.push('alt');
  if (event.shiftKey && (key.length > 1 || parts.length > 0)) parts.push('shift'); // "?" is already the shifted character
  return [...parts, key].join('+');
}

const single = (keys: string) => !keys.includes('mod+') && !keys.includes('alt+') && (keys.includes(' ') || keys.length === 1);

function inField(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  if (!element?.closest) return false;
  if (element.isContentEditable) return true;
  const field = element.closest('input, textarea, select');
  return field !== null && !(field instanceof HTMLInputElement && ['checkbox', 'radio', 'button', 'submit', 'range'].includes(field.type));
}

const inPopup = (target: EventTarget | null) => Boolean((target as HTMLElement | null)?.closest?.('[role="dialog"], [role="menu"], [role="listbox"], [aria-modal="true"]'));

function applies(shortcut: Shortcut, event: KeyboardEvent): boolean {
  const letters = single(shortcut.keys);
  if (letters && !settings.singleKeys) return false;
  if (inPopup(event.target) && !shortcut.inFields) return false;
  if (inField(event.target) && !(shortcut.inFields ?? (!letters && /mod\+|alt\+/.test(shortcut.keys)))) return false;
  return shortcut.when?.() ?? true;
}

function run(keys: string, event: KeyboardEvent): boolean {
  for (const shortcut of [...registered].reverse()) {
    if (shortcut.keys !== keys || !applies(shortcut, event) || shortcut.act(event) === false) continue;
    event.preventDefault();
    return true;
  }
  return false;
}

function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || event.key === 'Shift' || event.key === 'Alt' || event.key === 'Control' || event.key === 'Meta') return;
  const keys = pressed(event);
  const sequence = lead && event.timeStamp - leadAt < sequenceMs ? `${lead} ${keys}` : '';
  lead = '';
  if (sequence && run(sequence, event)) return;
  if (run(keys, event)) return;
  if ([...registered].some((s) => s.keys.startsWith(keys + ' ') && applies(s, event))) {
    lead = keys;
    leadAt = event.timeStamp;
  }
}

/** listen starts hearing keys, once for the whole interface. */
export function listen(target: Document | HTMLElement = document): () => void {
  target.addEventListener('keydown', onKey as EventListener);
  return () => target.removeEventListener('keydown', onKey as EventListener);
}

const marks: Record<string, string> = {
  mod: mac ? '⌘' : 'Ctrl', alt: mac ? '⌥' : 'Alt', shift: mac ? '⇧' : 'Shift', enter: '↵', escape: 'Esc',
  arrowup: '↑', arrowdown: '↓', arrowleft: '←', arrowright: '→',
};

/** caps are the key caps of a shortcut, in the order they are pressed: "mod+k" is Ctrl, K. */
export const caps = (keys: string): string[] => keys.split(/[+ ]/).filter(Boolean).map((key) => marks[key] ?? (key.length === 1 ? key.toUpperCase() : key));
