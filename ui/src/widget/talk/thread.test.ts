import { expect, it } from 'vitest';
import type { Message } from './frames';
import { Thread } from './thread';

const message = (position: string, text = ''): Message =>
  ({ id: position, position, conversation: 'c', client: '', from: { kind: 'agent', name: 'Ada' }, text, at: '' }) as Message;

it('knows from where to where it reaches, for what has changed between', () => {
  const thread = new Thread();
  expect([thread.from, thread.since]).toEqual([undefined, '']);
  thread.welcome('', [message('p2'), message('p3')], true, false);
  thread.older([message('p1')], false);
  expect([thread.from, thread.since]).toEqual(['p1', 'p3']);
  thread.put([message('p1', 'changed')]);
  expect(thread.messages.map((m) => m.text)).toEqual(['changed', '', '']);
});
