import { beforeAll, describe, expect, test } from 'vitest';
import { setLanguage, t } from '$lib/i18n/index.svelte';
import { worst, type Finding } from './finding';
import { judgeClock, judgeHttp, judgeKeeping, judgeNotifications, judgeProxy, judgeSafety, judgeServer, judgeSocket, median, type Diagnosis } from './judge';
import { report } from './report';

beforeAll(() => setLanguage('en'));

const well: Diagnosis = {
  time: '2026-11-21T10:00:00Z', client_address: '192.0.2.7', scheme: 'https', host: 'desk.example', public_url: 'https://desk.example', public_url_matches: true,
  forwarded: true, proxy_trusted: true, plugins: [{ id: 'webchat', state: 'running' }], storage: { ok: true, detail: '' }, version: '1.0',
};
const page = new URL('https://desk.example/app/diagnosis');
const words = (f: Finding) => t(f.text, f.values);

test('the median is the middle, lost requests aside', () => {
  expect(median([30, undefined, 10, 20])).toBe(20);
  expect(median([10, 21])).toBe(16);
  expect(median([undefined])).toBeUndefined();
});

describe('requests', () => {
  test.each([
    [[12, 14, 13], true, 'good'],
    [[12, undefined, 13], true, 'advice'],
    [[900, 700, 800], true, 'advice'],
    [[undefined, undefined, undefined], true, 'bad'],
    [[undefined, undefined, undefined], false, 'bad'],
  ] as const)('%j, online %s: %s', (times, online, verdict) => {
    expect(judgeHttp(times, online).verdict).toBe(verdict);
  });
  test('says how many were lost', () => {
    expect(words(judgeHttp([12, undefined, undefined], true))).toContain('2 of 3');
  });
});

test('a blocked socket comes with what to configure, and is not blamed while nothing is reached', () => {
  const blocked = judgeSocket({ state: 'blocked', echoes: [] }, true);
  expect(blocked.verdict).toBe('bad');
  expect(blocked.example?.code).toContain('proxy_set_header Upgrade $http_upgrade;');
  expect(judgeSocket({ state: 'blocked', echoes: [] }, false).verdict).toBe('unknown');
  expect(judgeSocket({ state: 'silent', echoes: [] }, true).verdict).toBe('bad');
  expect(words(judgeSocket({ state: 'answered', openMs: 20.4, echoes: [3, 5, 4] }, true))).toContain('4 ms');
});

test('a proxy that is not trusted, and another public address, are advice with the lines to write', () => {
  expect(judgeProxy(well, page).map((f) => f.verdict)).toEqual(['good', 'good']);
  const [proxy, address] = judgeProxy({ ...well, proxy_trusted: false, public_url_matches: false, public_url: 'https://other.example' }, page);
  expect(proxy).toMatchObject({ verdict: 'advice', example: { code: '[server]\ntrusted_proxies = ["192.0.2.7"]' } });
  expect(address!.verdict).toBe('advice');
  expect(words(address!)).toContain('https://other.example');
  expect(judgeProxy({ ...well, public_url: '', public_url_matches: false }, page)[1]!.verdict).toBe('advice');
});

test('an open way is advice unless it stays on this machine', () => {
  expect(judgeSafety(true, page).verdict).toBe('good');
  expect(judgeSafety(true, new URL('http://127.0.0.1:8080/')).verdict).toBe('good');
  expect(judgeSafety(false, new URL('http://desk.example/')).verdict).toBe('advice');
});

test('clocks may differ by a few seconds', () => {
  expect(judgeClock(-4_900).verdict).toBe('good');
  expect(words(judgeClock(61_000))).toContain('61 seconds behind');
  expect(words(judgeClock(-61_000))).toContain('61 seconds ahead');
  expect(judgeClock(undefined).verdict).toBe('unknown');
});

test('notifications and the keeping of drafts', () => {
  expect((['granted', 'default', 'denied', 'never'] as const).map((p) => judgeNotifications(p).verdict)).toEqual(['good', 'advice', 'advice', 'advice']);
  expect(judgeKeeping(false, undefined).verdict).toBe('bad');
  expect(judgeKeeping(true, 1000).verdict).toBe('advice');
  expect(judgeKeeping(true, undefined).verdict).toBe('good');
});

test('the server speaks for its storage and its plugins, to those who may know', () => {
  const verdicts = (found: Finding[]) => found.map((f) => [f.hop, f.verdict]);
  expect(verdicts(judgeServer(well, true, '1.0'))).toEqual([['server', 'good'], ['storage', 'good'], ['plugins', 'good']]);
  expect(verdicts(judgeServer(undefined, true, '1.0'))).toEqual([['server', 'good'], ['storage', 'unknown'], ['plugins', 'unknown']]);
  expect(verdicts(judgeServer(undefined, false, ''))).toEqual([['server', 'unknown'], ['storage', 'unknown'], ['plugins', 'unknown']]);
  const ill = judgeServer({ ...well, storage: { ok: false, detail: 'the disk is full' }, plugins: [{ id: 'line', state: 'backing-off' }, { id: 'webchat', state: 'starting' }] }, true, '1.0');
  expect(verdicts(ill)).toEqual([['server', 'good'], ['storage', 'bad'], ['plugins', 'bad'], ['plugins', 'advice']]);
  expect(words(ill[1]!)).toContain('the disk is full');
});

test('a hop stands as its worst finding', () => {
  const f = (verdict: Finding['verdict']): Finding => ({ id: verdict, hop: 'server', verdict, text: 'common.close' });
  expect(worst([f('good'), f('bad'), f('advice')])).toBe('bad');
  expect(worst([f('good'), f('unknown')])).toBe('unknown');
  expect(worst([f('good')])).toBe('good');
  expect(worst([])).toBe('unknown');
});

test('the report lists every finding below its hop, with the remedy', () => {
  const text = report([judgeClock(61_000), ...judgeServer(undefined, true, '1.0')], new Date('2026-11-21T10:00:00Z'), 'https://desk.example', 'Browser 1');
  expect(text).toContain('2026-11-21T10:00:00.000Z\nhttps://desk.example\nBrowser 1');
  expect(text).toMatch(/This browser\n {2}\[To improve\] .*61 seconds.*\n {6}\S/);
});
