/**
 * Times in the interface's language. Each function takes `now` or the language for tests; without them it follows the
 * clock and the language of the interface, and what shows it is drawn again when either moves on.
 */
import { createSubscriber } from 'svelte/reactivity';
import { language as current, t, type Language } from './i18n/index.svelte';

export type Moment = Date | string | number;

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

const at = (moment: Moment): Date => (moment instanceof Date ? moment : new Date(moment));

const formats = new Map<string, Intl.DateTimeFormat>();

function format(language: Language, name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${language} ${name}`;
  let made = formats.get(key);
  if (!made) formats.set(key, (made = new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, options)));
  return made;
}

/** clock is "16:02". */
export function clock(moment: Moment, language = current()): string {
  return format(language, 'clock', { hour: '2-digit', minute: '2-digit' }).format(at(moment));
}

/** full is "Tuesday 17 November 2026 at 16:02:41". */
export function full(moment: Moment, language = current()): string {
  return format(language, 'full', { dateStyle: 'full', timeStyle: 'medium' }).format(at(moment));
}

const midnight = (date: Date): number => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();

/** daysAgo is how many calendar days lie between two moments, here. */
export const daysAgo = (moment: Moment, now: Moment): number => Math.round((midnight(at(now)) - midnight(at(moment))) / day);

/** dayMark is "Today", "Yesterday", "Tuesday 17 November", with the year when it is another one. */
export function dayMark(moment: Moment, now: Moment = minuteClock(), language = current()): string {
  const then = at(moment);
  const days = daysAgo(then, now);
  if (days === 0) return t('common.time.today');
  if (days === 1) return t('common.time.yesterday');
  const sameYear = then.getFullYear() === at(now).getFullYear();
  const options: Intl.DateTimeFormatOptions = { weekday: 'long', day: 'numeric', month: 'long', ...(sameYear ? {} : { year: 'numeric' }) };
  return format(language, sameYear ? 'day' : 'day-year', options).format(then).replace(',', '');
}

/** shortDay is "12 Mar", with the year when it is another one. */
export function shortDay(moment: Moment, now: Moment = minuteClock(), language = current()): string {
  const then = at(moment);
  const sameYear = then.getFullYear() === at(now).getFullYear();
  const options: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short', ...(sameYear ? {} : { year: 'numeric' }) };
  return format(language, sameYear ? 'short' : 'short-year', options).format(then);
}

/** lasting is a length of time in words: "40 s", "12 min", "3 h 12", "2 d". */
export function lasting(ms: number): string {
  const whole = Math.max(0, ms);
  if (whole < minute) return t('common.time.seconds', { count: Math.floor(whole / second) });
  if (whole < hour) return t('common.time.minutes', { count: Math.floor(whole / minute) });
  if (whole < day) {
    const minutes = Math.floor((whole % hour) / minute);
    const hours = Math.floor(whole / hour);
    return minutes ? t('common.time.hours-minutes', { hours, minutes: String(minutes).padStart(2, '0') }) : t('common.time.hours', { count: hours });
  }
  return t('common.time.days', { count: Math.floor(whole / day) });
}

/** waited is how long somebody has waited, as rows say it: "now", "12 min", "3 h", "2 d". */
export function waited(ms: number): string {
  if (ms < minute) return t('common.time.now');
  if (ms < hour) return t('common.time.minutes', { count: Math.floor(ms / minute) });
  if (ms < day) return t('common.time.hours', { count: Math.floor(ms / hour) });
  return t('common.time.days', { count: Math.floor(ms / day) });
}

/** moment says when something was or will be: the time today, else the day, with the time when it is near. */
export function moment(when: Moment, now: Moment = minuteClock(), language = current()): string {
  const days = daysAgo(when, now);
  if (days === 0) return clock(when, language);
  if (days === 1) return t('common.time.yesterday-at', { time: clock(when, language) });
  if (days === -1) return t('common.time.tomorrow-at', { time: clock(when, language) });
  return shortDay(when, now, language);
}

function ticking(every: number): () => number {
  let value = 0; // the last tick; 0 while nobody looks
  const subscribe = createSubscriber((update) => {
    let timer: ReturnType<typeof setTimeout>;
    const tick = () => {
      value = Date.now();
      update();
      timer = setTimeout(tick, every - (Date.now() % every));
    };
    value = Date.now();
    timer = setTimeout(tick, every - (Date.now() % every));
    return () => {
      value = 0;
      clearTimeout(timer);
    };
  });
  return () => {
    subscribe();
    return value === 0 ? Date.now() : Math.max(value, Date.now() - every);
  };
}

/** minuteClock is the time now; what reads it in a component is drawn again each minute. */
export const minuteClock = ticking(minute);

/** secondClock is the same, each second. */
export const secondClock = ticking(second);
