/** Times in the chat's language. */
import { t, tag } from './texts.svelte';

const minute = 60_000;
const day = 24 * 60 * minute;

const midnight = (at: Date): number => new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();

function write(at: Date, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(tag(), options).format(at);
}

/** clock is "16:02". */
export const clock = (at: Date): string => write(at, { hour: '2-digit', minute: '2-digit' });

/** dayOf is "Today", "Yesterday", "Tuesday" within a week, else "12 March", with the year when it is another one. */
export function dayOf(at: Date, now: Date): string {
  const days = Math.round((midnight(now) - midnight(at)) / day);
  if (days === 0) return t('today');
  if (days === 1) return t('yesterday');
  if (days > 1 && days < 7) return capital(write(at, { weekday: 'long' }));
  return date(at, now);
}

/** date is "12 March", with the year when it is another one. */
export function date(at: Date, now: Date): string {
  return write(at, { day: 'numeric', month: 'long', ...(at.getFullYear() === now.getFullYear() ? {} : { year: 'numeric' }) });
}

/** when is a moment to come: "at 14:00", "Thursday at 09:00", "12 March at 09:00". */
export function when(at: Date, now: Date): string {
  const days = Math.round((midnight(at) - midnight(now)) / day);
  if (days === 0) return t('today-at', { time: clock(at) });
  return t('day-at', { day: days > 0 && days < 7 ? write(at, { weekday: 'long' }) : date(at, now), time: clock(at) });
}

/** newMark tells that a message deserves a mark of the time before it: another day, or five minutes of silence. */
export function newMark(before: Date | undefined, at: Date): boolean {
  return !before || at.getTime() - before.getTime() >= 5 * minute || midnight(before) !== midnight(at);
}

/** size is "840 kB", and "14 bytes" where it is less. */
export function size(bytes: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;
  let i = 0;
  while (bytes >= 1000 && i < units.length - 1) {
    bytes /= 1000;
    i++;
  }
  return new Intl.NumberFormat(tag(), { style: 'unit', unit: units[i], unitDisplay: i ? 'short' : 'long', maximumFractionDigits: bytes < 10 && i > 0 ? 1 : 0 }).format(bytes);
}

const capital = (text: string): string => text.charAt(0).toLocaleUpperCase(tag()) + text.slice(1);
