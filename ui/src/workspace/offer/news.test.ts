import { expect, it } from 'vitest';
import type { Conversation } from '$lib/api/client';
import { News } from './news';

const c = (id: string, unread: number) => ({ id, unread }) as Conversation;

it('is only what came after the list was known', () => {
  const news = new News();
  expect(news.look([c('a', 3)], false)).toEqual([]);
  expect(news.look([c('a', 3)], true)).toEqual([]);
  expect(news.look([c('a', 4), c('b', 2)], true).map((x) => x.id)).toEqual(['a']);
  expect(news.look([c('a', 0), c('b', 2)], true)).toEqual([]);
  expect(news.look([c('a', 1), c('b', 2)], true).map((x) => x.id)).toEqual(['a']);
});
