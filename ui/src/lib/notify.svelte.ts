/** Notifications of the desktop, for what happens while the page is in the background. */
import { settings } from './settings.svelte';

/** `never`: this browser has none, or not on this page (they need https or this machine). */
export type Permission = 'granted' | 'denied' | 'default' | 'never';

const read = (): Permission => ('Notification' in globalThis && globalThis.isSecureContext ? Notification.permission : 'never');

let allowed = $state<Permission>(read());
const shown = new Map<string, Notification>();

/** permission is what the person has allowed; it changes when they answer the browser's question. */
export const permission = (): Permission => allowed;

/** askPermission lets the browser ask. It has to follow a click. */
export async function askPermission(): Promise<Permission> {
  if (read() === 'default') await Notification.requestPermission();
  return (allowed = read());
}

interface Told {
  body?: string;
  /** One of a kind: a newer one with the same tag takes its place. */
  tag: string;
  onclick?: () => void;
  /** Also when the page is in front, or the settings say no: for a test. */
  always?: boolean;
}

/** notify shows a notification if it may, and tells whether it did. A click brings the page to the front. */
export function notify(title: string, { body, tag, onclick, always = false }: Told): boolean {
  // First what costs nothing: for the permission the page stops until the browser's own process has answered.
  if (!always && (!settings.desktopNotifications || !document.hidden)) return false;
  allowed = read();
  if (allowed !== 'granted') return false;
  let note: Notification;
  try {
    note = new Notification(title, { body, tag, silent: true });
  } catch {
    return false; // some phones allow them only from a service worker
  }
  note.onclick = () => {
    window.focus();
    onclick?.();
    note.close();
  };
  note.onclose = () => shown.get(tag) === note && shown.delete(tag);
  shown.set(tag, note);
  return true;
}

/** withdraw takes a notification back once it is handled. */
export function withdraw(tag: string): void {
  shown.get(tag)?.close();
  shown.delete(tag);
}
