import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Unreachable } from '$lib/api/client';
import { Entrance } from './entrance.svelte';
import { signIn, TooMany } from './entry';

const about = { id: 'shop', name: 'Atelier Nour', language: 'fr', version: '1', setup_needed: false };
const me = { id: 'ines', email: 'ines@atelier.example', name: 'Inès', role: 'agent', capacity: 100 };
const json = (status: number, body: unknown, headers = {}) => new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json', ...headers } });

let answers: Record<string, () => Response | Promise<Response>>;

beforeEach(() => {
  vi.useFakeTimers();
  answers = { '/api/v1/about': () => json(200, about), '/api/v1/me': () => json(200, me) };
  vi.stubGlobal('fetch', async (request: Request) => answers[new URL(request.url).pathname]!());
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('who is signed in goes in, who is not is asked, and on a new desk the first administrator is made', async () => {
  const entrance = new Entrance();
  await entrance.start();
  expect([entrance.stage, entrance.me?.id]).toEqual(['in', 'ines']);
  answers['/api/v1/me'] = () => json(401, { code: 'unauthorized', status: 401, title: '', type: '' });
  await entrance.start();
  expect([entrance.stage, entrance.me]).toEqual(['out', undefined]);
  answers['/api/v1/about'] = () => json(200, { ...about, setup_needed: true });
  await entrance.start();
  expect(entrance.stage).toBe('first');
  entrance.enter(me as never);
  expect([entrance.stage, entrance.about?.setup_needed]).toEqual(['in', false]);
});

test('a server that does not answer is asked again until it does', async () => {
  const entrance = new Entrance();
  const there = answers['/api/v1/about']!;
  answers['/api/v1/about'] = () => Promise.reject(new TypeError('Failed to fetch'));
  await entrance.start();
  expect([entrance.stage, entrance.error instanceof Unreachable]).toEqual(['failed', true]);
  answers['/api/v1/about'] = there;
  await vi.advanceTimersByTimeAsync(5_000);
  expect([entrance.stage, entrance.error]).toEqual(['in', undefined]);
});

test('too many tries say how long to wait', async () => {
  answers['/api/v1/sign-in'] = () => json(429, { code: 'rate-limited', status: 429, title: 'Too many', type: '' }, { 'Retry-After': '540' });
  const refused = await signIn('ines@atelier.example', 'x').catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(TooMany);
  expect((refused as TooMany).seconds).toBe(540);
});
