import { beforeEach, expect, it, vi } from 'vitest';
import type { Message } from '../talk/frames';
import { nobody, type Leaving } from '../talk/view';
import { rows } from './rows';
import fr from './texts/fr.json';
import { speak } from './texts.svelte';
import { dayOf, newMark, size, when } from './times';

beforeEach(() => speak('en'));

const start = new Date(2026, 2, 12, 10, 46).getTime();
let seq = 0;
const said = (kind: Message['from']['kind'], text: string, minutes: number, name = ''): Message => {
  const position = String(++seq).padStart(4, '0');
  return { id: position, position, conversation: 'c', client: kind === 'customer' ? 'k' + position : '', from: { kind, name }, text, at: new Date(start + minutes * 60_000).toISOString() };
};
const leaving = (text: string, on: Leaving['on']): Leaving => ({ id: 'x' + text, text, files: [], at: start, tab: '', on });
const told = (view: Partial<Parameters<typeof rows>[0]>) =>
  rows({ messages: [], outgoing: [], joined: [], status: nobody, ...view }).map((r) =>
    r.kind === 'said' ? [r.name, r.message.text, r.state].filter(Boolean).join(' ') : r.kind === 'leaving' ? `${r.item.text} ${r.item.on}` : r.kind === 'joined' ? `+${r.agent}` : '--',
  );

it('marks the time every five minutes of silence, and names who begins to speak', () => {
  const messages = [said('customer', 'a', 0), said('agent', 'b', 1, 'Inès'), said('agent', 'c', 2, 'Inès'), said('agent', 'd', 8, 'Inès'), said('bot', 'e', 9, 'Assistant')];
  expect(told({ messages })).toEqual(['--', 'a sent', 'Inès b', 'c', '--', 'Inès d', 'Assistant e']);
});

it('says under the last message of the visitor whether it was read', () => {
  const messages = [said('customer', 'a', 0), said('customer', 'b', 0), said('agent', 'c', 1, 'Inès')];
  expect(told({ messages, status: { ...nobody, read: messages[0]!.position } })).toEqual(['--', 'a', 'b sent', 'Inès c']);
  expect(told({ messages, status: { ...nobody, read: messages[1]!.position } })).toEqual(['--', 'a', 'b read', 'Inès c']);
  expect(told({ messages: messages.slice(0, 1), outgoing: [leaving('z', 'network')] })).toEqual(['--', 'a', 'z network']);
});

it('tells who joined where it happened, unless they have spoken already', () => {
  const messages = [said('customer', 'a', 0), said('agent', 'b', 2, 'Inès')];
  const at = (minutes: number) => new Date(start + minutes * 60_000).toISOString();
  expect(told({ messages, joined: [{ agent: 'Inès', at: at(1) }] })).toEqual(['--', 'a sent', '+Inès', 'Inès b']);
  expect(told({ messages, joined: [{ agent: 'Inès', at: at(3) }] })).toEqual(['--', 'a sent', 'Inès b']);
});

it('keeps a message in its place in the page when it comes back', () => {
  const message = said('customer', 'a', 0);
  const before = rows({ messages: [], outgoing: [{ ...leaving('a', 'way'), id: message.client }], joined: [], status: nobody });
  const after = rows({ messages: [message], outgoing: [], joined: [], status: nobody });
  expect(before.at(-1)?.key).toBe(after.at(-1)?.key);
});

it('writes moments as people say them', async () => {
  const now = new Date(2026, 2, 12, 11, 0);
  const on = (day: number, hour = 9) => new Date(2026, 2, day, hour, 0);
  expect([dayOf(on(12), now), dayOf(on(11), now), dayOf(on(9), now), dayOf(on(1), now)]).toEqual(['Today', 'Yesterday', 'Monday', '1 March']);
  expect([when(on(12, 14), now), when(on(13), now), when(on(30), now)]).toEqual(['at 14:00', 'Friday at 09:00', '30 March at 09:00']);
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(JSON.stringify(fr))));
  await speak('fr');
  vi.unstubAllGlobals();
  expect([dayOf(on(12), now), dayOf(on(9), now), when(on(13), now)]).toEqual(['Aujourd’hui', 'Lundi', 'vendredi à 09:00']);
});

it('marks a new day even within five minutes', () => {
  expect(newMark(new Date(2026, 2, 12, 23, 58), new Date(2026, 2, 13, 0, 1))).toBe(true);
  expect(newMark(new Date(2026, 2, 12, 10, 0), new Date(2026, 2, 12, 10, 4))).toBe(false);
});

it('writes sizes', () => {
  expect([size(14), size(840_000), size(5 << 20)]).toEqual(['14 bytes', '840 kB', '5.2 MB']);
});
