import { describe, expect, it } from 'vitest';
import { Keep, Memory, random, usable, type Store } from './keep';
import { Outbox } from './outbox';

const written = (text: string, at: number) => ({ text, files: [], at, tab: 't' });

describe('the outbox', () => {
  it('keeps the order of writing, also within a millisecond and over a reload', () => {
    const store = new Memory();
    const first = new Outbox(new Keep(store, 'c'));
    for (const text of ['a', 'b', 'c']) first.add(written(text, 1_800_000_000_000));
    const second = new Outbox(new Keep(store, 'c'));
    second.add(written('d', 1_800_000_000_005));
    expect(second.all().map((o) => o.text)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('keeps the order of writing over a reload after which the clock was set back', () => {
    const store = new Memory();
    new Outbox(new Keep(store, 'c')).add(written('a', 1_800_000_000_000));
    const later = new Outbox(new Keep(store, 'c'));
    later.add(written('b', 1_799_000_000_000));
    expect(later.all().map((o) => o.text)).toEqual(['a', 'b']);
  });

  it('loses nothing that another tab writes at the same time', () => {
    const store = new Memory();
    const [a, b] = [new Outbox(new Keep(store, 'c')), new Outbox(new Keep(store, 'c'))];
    const one = a.add(written('a', 1));
    b.add(written('b', 1));
    expect(a.done(one.id)).toBe(true);
    expect(b.done(one.id)).toBe(false);
    expect(b.all().map((o) => o.text)).toEqual(['b']);
  });

  it('passes over what was refused', () => {
    const box = new Outbox(new Keep(new Memory(), 'c'));
    const one = box.add(written('a', 1));
    box.add(written('b', 2));
    box.refuse(one.id, 'too-long');
    expect(box.next()?.text).toBe('b');
    box.refuse(one.id, undefined);
    expect(box.next()).toEqual(one);
  });

  it('drops what is not its own', () => {
    const keep = new Keep(new Memory(), 'c');
    keep.set('out.000000000000001.x', 'not JSON');
    expect(new Outbox(keep).all()).toEqual([]);
    expect(keep.names('out.')).toEqual([]);
  });
});

describe('what a browser keeps', () => {
  it('stays with one channel', () => {
    const store = new Memory();
    new Keep(store, 'a').set('token', 'x');
    expect([new Keep(store, 'a').get('token'), new Keep(store, 'b').get('token')]).toEqual(['x', '']);
  });

  it('lasts as long as the page where storage is blocked or full', () => {
    const blocked = usable(() => {
      throw new DOMException('no', 'SecurityError');
    });
    blocked.setItem('a', '1');
    expect(blocked.getItem('a')).toBe('1');

    const full: Store = Object.assign(Object.create(new Memory()) as Store, {
      getItem: () => null,
      key: () => null,
      removeItem: () => undefined,
      setItem: () => {
        throw new DOMException('full', 'QuotaExceededError');
      },
    });
    const keep = new Keep(full, 'c');
    keep.set('out.1', 'x');
    expect([keep.get('out.1'), keep.names('out.')]).toEqual(['x', ['out.1']]);
    keep.remove('out.1');
    expect(keep.get('out.1')).toBe('');
  });
});

it('still knows the visitor where storage is full', () => {
  const full = new Memory();
  new Keep(full, 'c').set('token', 'x');
  full.setItem = () => {
    throw new DOMException('full', 'QuotaExceededError');
  };
  const keep = new Keep(usable(() => full), 'c');
  keep.set('read', '7');
  expect([keep.get('token'), keep.get('read')]).toEqual(['x', '7']);
});

it('makes tokens of 32 bytes as the plugin reads them', () => {
  const tokens = new Set(Array.from({ length: 50 }, () => random(32)));
  expect(tokens.size).toBe(50);
  for (const token of tokens) expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
});
