import { describe, expect, it } from 'vitest';
import { beyond, drawn, rowAt, scrollFor, topOf, totalHeight, type Shape } from './window';

const plain: Shape = { count: 50_000, row: 79, headingHeight: 37 };
const headed: Shape = { count: 10, row: 50, heading: 4, headingHeight: 30 };

describe('the window of a long list', () => {
  it('draws only what is in sight, and some rows beyond', () => {
    expect(drawn(plain, 79 * 1000, 790, 6)).toEqual({ first: 994, end: 1017 });
    expect(drawn(plain, 0, 790, 6)).toEqual({ first: 0, end: 17 });
    expect(drawn({ ...plain, count: 0 }, 0, 790)).toEqual({ first: 0, end: 0 });
  });

  it('draws as many rows wherever a scroll ends, between two rows as well', () => {
    const many = [0, 1, 40, 78, 79, 80, 500].map((more) => drawn(plain, 79 * 1000 + more, 800, 6)).map(({ first, end }) => end - first);
    expect(new Set(many)).toEqual(new Set([24]));
    for (const y of [0, 3, 199, 215, 229, 230, 250]) expect(drawn(headed, y, 100, 0).end).toBeGreaterThan(rowAt(headed, y + 99));
  });

  it('draws little beyond what is in sight while it is pulled along', () => {
    const rows = (moved: number) => {
      const { first, end } = drawn(plain, 79 * 1000, 790, beyond(moved, 790));
      return end - first;
    };
    expect(rows(80)).toBe(23);
    expect(rows(800)).toBe(13);
  });

  it('never goes past the end', () => {
    expect(drawn(plain, totalHeight(plain), 790, 6).end).toBe(50_000);
    expect(rowAt(plain, 1e9)).toBe(49_999);
  });

  it('makes room for the heading', () => {
    expect(totalHeight(headed)).toBe(530);
    expect(topOf(headed, 3)).toBe(150);
    expect(topOf(headed, 4)).toBe(230);
    expect(rowAt(headed, 199)).toBe(3);
    expect(rowAt(headed, 230)).toBe(4);
    for (let i = 0; i < headed.count; i++) expect(rowAt(headed, topOf(headed, i))).toBe(i);
  });

  it('scrolls no further than a row needs', () => {
    expect(scrollFor(headed, 2, 0, 300)).toBe(0);
    expect(scrollFor(headed, 2, 120, 300)).toBe(100);
    expect(scrollFor(headed, 9, 0, 300)).toBe(230);
  });
});
