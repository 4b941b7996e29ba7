import { flushSync } from 'svelte';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { setLanguage } from './i18n/index.svelte';
import { clock, dayMark, daysAgo, full, lasting, moment, secondClock, shortDay, waited } from './time';

const at = (text: string): Date => new Date(text); // in this machine's zone: no zone is named
const now = at('2026-11-17T16:02:41');

beforeEach(() => setLanguage('en'));
afterEach(() => vi.useRealTimers());

describe('in English and in French', () => {
  test.each([
    ['clock', () => clock(now), '16:02', '16:02'],
    ['midnight', () => clock(at('2026-11-17T00:05:00')), '00:05', '00:05'],
    ['full', () => full(now), /^Tuesday,? 17 November 2026 at 16:02:41$/, /^mardi 17 novembre 2026 à 16:02:41$/],
    ['today', () => dayMark(at('2026-11-17T00:00:01'), now), 'Today', 'Aujourd’hui'],
    ['yesterday', () => dayMark(at('2026-11-16T23:59:59'), now), 'Yesterday', 'Hier'],
    ['a day', () => dayMark(at('2026-11-10T12:00:00'), now), 'Tuesday 10 November', 'mardi 10 novembre'],
    ['a day of another year', () => dayMark(at('2025-12-31T12:00:00'), now), 'Wednesday 31 December 2025', 'mercredi 31 décembre 2025'],
    ['a short day', () => shortDay(at('2026-03-12T12:00:00'), now), '12 Mar', '12 mars'],
    ['40 seconds', () => lasting(40_000), '40 s', '40 s'],
    ['12 minutes', () => lasting(12 * 60_000 + 59_000), '12 min', '12 min'],
    ['3 hours 5', () => lasting(185 * 60_000), '3 h 05', '3 h 05'],
    ['2 days', () => lasting(49 * 3_600_000), '2 d', '2 j'],
    ['nothing less than nothing', () => lasting(-5_000), '0 s', '0 s'],
    ['a short wait', () => waited(59_000), 'now', /.+/],
    ['a wait', () => waited(61_000), '1 min', '1 min'],
    ['a moment of today', () => moment(at('2026-11-17T09:05:00'), now), '09:05', '09:05'],
    ['a moment of long ago', () => moment(at('2026-03-12T09:05:00'), now), '12 Mar', '12 mars'],
  ] as const)('%s', (_, say, english, french) => {
    const plain = (text: string): string => text.replaceAll(/[\u00a0\u202f]/g, ' ');
    const check = (text: string, want: string | RegExp) => (typeof want === 'string' ? expect(text).toBe(want) : expect(text).toMatch(want));
    check(plain(say()), english);
    setLanguage('fr');
    check(plain(say()), french);
  });
});

test('days are counted by the calendar, also over a change of the clocks', () => {
  expect(daysAgo(at('2026-10-24T23:00:00'), at('2026-10-26T01:00:00'))).toBe(2);
  expect(daysAgo(at('2026-11-18T00:30:00'), at('2026-11-17T23:30:00'))).toBe(-1);
});

test('the clock draws again what shows it, and stops when nothing does', async () => {
  vi.useFakeTimers({ now: Math.ceil(Date.now() / 60_000) * 60_000 + 86_400_000 }); // never before the page was loaded
  const seen: number[] = [];
  const stop = $effect.root(() => {
    $effect(() => {
      seen.push(Math.floor(secondClock() / 1000));
    });
  });
  flushSync();
  vi.advanceTimersByTime(3_000);
  flushSync();
  expect(seen.length).toBeGreaterThanOrEqual(2);
  expect(seen.at(-1)! - seen[0]!).toBe(3);
  stop();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(vi.getTimerCount()).toBe(0);
});
