import { describe, expect, it } from 'vitest';
import { flat, Shop, type FromPage, type ToPage } from './shop';

describe('context variables', () => {
  it('are plain values, wrapped or not', () => {
    expect(flat({ cart: { value: 3, isDisplayable: true }, vip: true, name: 'Léa', list: [1], nothing: null })).toEqual({ cart: '3', vip: 'true', name: 'Léa' });
    expect(flat({})).toBeUndefined();
    expect(flat(undefined)).toBeUndefined();
  });

  it('are few and short enough for one frame', () => {
    const many = flat(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`n${i}`, 'é'.repeat(2000)])));
    expect(new TextEncoder().encode(JSON.stringify(many)).length).toBeLessThan(6500);
    expect(Object.keys(flat(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`n${i}`, i])))!)).toHaveLength(100);
  });
});

describe('the page around', () => {
  const posted: [ToPage, string][] = [];
  const parent = { postMessage: (word: ToPage, origin: string) => posted.push([word, origin]) } as unknown as Window;
  const say = (data: unknown, origin: string, source: unknown = parent) => dispatchEvent(Object.assign(new Event('message'), { data, origin, source }));

  it('is believed only as the one that greeted first', () => {
    Object.defineProperty(window, 'parent', { value: parent, configurable: true });
    const heard: FromPage[] = [];
    const shop = new Shop((word) => heard.push(word));
    shop.tell({ guichet: 'shut' });
    say({ guichet: 'open' }, 'https://shop.example');
    say({ guichet: 'hello' }, 'https://evil.example', {});
    say('hello', 'https://shop.example');
    expect([heard, posted]).toEqual([[], []]);

    say({ guichet: 'hello' }, 'https://shop.example');
    say({ guichet: 'end' }, 'https://evil.example');
    say({ guichet: 'hello' }, 'https://evil.example');
    say({ guichet: 'shut' }, 'https://shop.example');
    expect(heard.map((w) => w.guichet)).toEqual(['hello', 'shut']);
    shop.tell({ guichet: 'unread', count: 2 });
    expect(posted).toEqual([[{ guichet: 'unread', count: 2 }, 'https://shop.example']]);
  });
});
