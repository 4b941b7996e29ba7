import { expect, test } from 'vitest';
import type { Message } from '../api/client';
import { Log } from './log';

const m = (seq: number, text = `${seq}`) => ({ id: `M${seq}`, seq, text, from: { kind: 'agent', id: 'ana', name: '' } }) as Message;
const page = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => m(from + i));
const texts = (log: Log) => log.messages.map((x) => x.text).join(' ');

test('what comes with a hole before it waits until the hole is filled', () => {
  const log = new Log();
  log.newest(page(1, 3), 0);
  log.tell(m(6), 1);
  expect([texts(log), log.hole, log.through, log.highest]).toEqual(['1 2 3', true, 3, 6]);
  log.after(page(4, 5), 2, false);
  expect([texts(log), log.hole, log.through]).toEqual(['1 2 3 4 5 6', false, 6]);
});

test('a hole that the end of the log leaves is a real one', () => {
  const log = new Log();
  log.newest(page(1, 3), 0);
  log.tell(m(6), 1);
  log.after([], 2, true);
  expect([texts(log), log.hole]).toEqual(['1 2 3 6', false]);
});

test('what was told after a question was put is not overwritten by its answer', () => {
  const log = new Log();
  log.newest(page(1, 3), 0);
  log.tell(m(2, 'two, read'), 5);
  log.newest([m(2), m(3, 'three, sent')], 4);
  expect(texts(log)).toBe('1 two, read three, sent');
  log.newest([m(2, 'two, later'), m(3)], 6);
  expect(texts(log)).toBe('1 two, later 3');
});

test('a last page that does not reach what is here replaces it', () => {
  const log = new Log();
  log.newest(page(1, 3), 0);
  log.tell(m(10, 'ten, told'), 2);
  log.newest(page(7, 10), 1);
  expect([texts(log), log.first, log.through]).toEqual(['7 8 9 ten, told', 7, 10]);
});

test('what lies before the first message here is left out when it is told', () => {
  const log = new Log();
  log.newest(page(5, 8), 0);
  log.tell(m(3, 'edited'), 1);
  expect(texts(log)).toBe('5 6 7 8');
  log.before(page(2, 4), 2);
  expect(texts(log)).toBe('2 3 4 5 6 7 8');
});

test('a message is found by its author’s id', () => {
  const log = new Log();
  log.newest(page(1, 3), 0);
  expect([log.has('M2', 'ana'), log.has('M2', 'bo'), log.has('M9', 'ana')]).toEqual([true, false, false]);
});
