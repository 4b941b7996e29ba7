/** What the demo shop sells. Drawings are 120 by 90. */
import type { Key } from './texts';

export interface Piece {
  id: Key & ('cup' | 'dish' | 'carafe' | 'bowl' | 'vase' | 'pot');
  shelf: 'table' | 'kitchen' | 'house';
  /** in cents */
  price: number;
  drawing: string;
}

export const pieces: Piece[] = [
  { id: 'cup', shelf: 'table', price: 1400, drawing: '<path class="c1" d="M36 28h40l-4 34a8 8 0 0 1-8 7H48a8 8 0 0 1-8-7z"/><path class="l1" d="M75 36c15-3 16 18-1 18"/><path class="c2" d="M36 28h40l-1 9H37z"/>' },
  { id: 'dish', shelf: 'kitchen', price: 4800, drawing: '<ellipse class="c3" cx="60" cy="52" rx="44" ry="19"/><ellipse class="c4" cx="60" cy="49" rx="36" ry="13"/>' },
  { id: 'carafe', shelf: 'table', price: 3900, drawing: '<path class="c5" d="M50 14h20l-3 18c12 7 15 20 10 34a8 8 0 0 1-8 6H51a8 8 0 0 1-8-6c-5-14-2-27 10-34z"/><path class="c6" d="M50 14h20l-1 6H51z"/>' },
  { id: 'bowl', shelf: 'table', price: 1900, drawing: '<path class="c7" d="M28 38h64c0 18-13 30-24 31v4H52v-4C41 68 28 56 28 38z"/><ellipse class="c8" cx="60" cy="38" rx="32" ry="7"/>' },
  { id: 'vase', shelf: 'house', price: 5600, drawing: '<path class="l2" d="M60 30c-2-12 4-20 12-25M60 26c-4-6-9-9-15-9"/><path class="c9" d="M52 28h16c0 8 13 13 13 27 0 12-8 19-21 19s-21-7-21-19c0-14 13-19 13-27z"/><path class="c10" d="M52 28h16l1 6H51z"/>' },
  { id: 'pot', shelf: 'kitchen', price: 6400, drawing: '<path class="l3" d="M82 42c14-4 16 20-2 20"/><path class="c11" d="M40 52 24 40l-4 5 20 22z"/><path class="c11" d="M38 40c6-6 38-6 44 0 7 10 4 26-5 32H43c-9-6-12-22-5-32z"/><path class="c12" d="M44 37c4-5 28-5 32 0z"/><circle class="c12" cx="60" cy="31" r="3.5"/>' },
];
