/** A shop chooses one colour; everything else that is coloured follows from it, and can be read. */

type Colour = [number, number, number];

const paper: Colour = [0xfe, 0xfd, 0xfc];
const night: Colour = [0x1d, 0x1a, 0x17];
const white: Colour = [255, 255, 255];
const black: Colour = [0, 0, 0];
const petrol = '#0c6971';

/** What text needs against its ground (WCAG 2.2 AA). */
export const readable = 4.5;

function read(hex: string): Colour {
  const found = /^#?([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(hex) ?? /^#?([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(hex);
  if (!found) return read(petrol);
  return [found[1], found[2], found[3]].map((part = '0') => parseInt(part.length === 1 ? part + part : part, 16)) as Colour;
}

const write = (c: Colour): string => '#' + c.map((part) => Math.round(part).toString(16).padStart(2, '0')).join('');

const mix = (a: Colour, b: Colour, part: number): Colour => a.map((x, i) => Math.round(x + (b[i]! - x) * part)) as Colour;

function luminance(c: Colour): number {
  const [r, g, b] = c.map((part) => (part <= 10.31475 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4)) as Colour;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function between(a: Colour, b: Colour): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

/** contrast is the ratio of WCAG between two colours, from 1 to 21. */
export const contrast = (a: string, b: string): number => between(read(a), read(b));

/** until moves a colour toward another until it can be read on every ground. */
function until(c: Colour, toward: Colour, grounds: Colour[]): Colour {
  for (let part = 0; part <= 1; part += 0.04) {
    const moved = mix(c, toward, part);
    if (grounds.every((ground) => between(moved, ground) >= readable)) return moved;
  }
  return toward;
}

const ink = (ground: Colour): Colour => (between(white, ground) >= readable ? white : black);

/** What panel.css builds on. */
export interface Colours {
  /** the ground of head and own messages, and the ink on it */
  '--w': string;
  '--w-ink': string;
  /** buttons, and the ink on them */
  '--w-do': string;
  '--w-do-ink': string;
  /** coloured text on the surface */
  '--w-text': string;
  '--w-soft': string;
}

/** colours works out a theme from a colour such as #0c6971; one that is none counts as ours. */
export function colours(hex: string, dark: boolean): Colours {
  const own = read(hex);
  if (!dark) {
    const soft = mix(paper, own, 0.1);
    const text = until(own, black, [paper, soft]);
    return named(own, own, text, soft);
  }
  const soft = mix(night, own, 0.3);
  const text = until(mix(own, white, 0.35), white, [night, soft]);
  return named(until(mix(own, black, 0.35), black, [white]), text, text, soft);
}

function named(ground: Colour, act: Colour, text: Colour, soft: Colour): Colours {
  return { '--w': write(ground), '--w-ink': write(ink(ground)), '--w-do': write(act), '--w-do-ink': write(ink(act)), '--w-text': write(text), '--w-soft': write(soft) };
}
