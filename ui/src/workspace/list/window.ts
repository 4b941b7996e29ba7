/**
 * Which rows of a long list are drawn. Rows are of one height; at one place a heading of another height may stand
 * between them. So every place is a product, and nothing is measured.
 */
export interface Shape {
  count: number;
  row: number; // px
  /** Before which row the heading stands; undefined when there is none. */
  heading?: number | undefined;
  headingHeight: number; // px
}

/** totalHeight is the height of the whole list in px. */
export const totalHeight = (s: Shape): number => s.count * s.row + (s.heading === undefined ? 0 : s.headingHeight);

/** topOf is where a row begins, in px from the top of the list. */
export const topOf = (s: Shape, index: number): number => index * s.row + (s.heading !== undefined && index >= s.heading ? s.headingHeight : 0);

/** rowAt is the row that lies at a height; below the last one it is the last. */
export function rowAt(s: Shape, y: number): number {
  const past = s.heading !== undefined && y >= topOf(s, s.heading) ? y - s.headingHeight : y;
  return Math.min(Math.max(Math.floor(past / s.row), 0), Math.max(s.count - 1, 0));
}

/** How many rows are drawn beyond those in sight, on either side: scrolling must not find an empty place. */
const around = 6;
/** Where a list is pulled along faster than it can be read, nothing is gained by them. */
const aroundFast = 1;

/** beyond is how many rows are drawn beyond those in sight when the list moves by so many px at once. */
export const beyond = (moved: number, height: number): number => (moved > height ? aroundFast : around);

/**
 * drawn is the range of rows to draw: those in sight and some on both sides, from `first` up to but without `end`. Away
 * from the ends they are always as many, so that scrolling makes and drops none.
 */
export function drawn(s: Shape, scrollTop: number, height: number, more = around): { first: number; end: number } {
  if (s.count === 0) return { first: 0, end: 0 };
  const first = rowAt(s, scrollTop) - more;
  return { first: Math.max(first, 0), end: Math.min(first + Math.ceil(height / s.row) + 1 + 2 * more, s.count) };
}

/** scrollFor is the scroll position from which a row can be seen whole, as near to the present one as possible. */
export function scrollFor(s: Shape, index: number, scrollTop: number, height: number): number {
  const top = topOf(s, index);
  if (top < scrollTop) return top;
  if (top + s.row > scrollTop + height) return top + s.row - height;
  return scrollTop;
}
