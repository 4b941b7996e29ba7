/** The colours that a chat can have by name. They are those of core/config: a test compares the two. */

export const palette = {
  teal: '#0c6971', blue: '#1c55b5', violet: '#6a3fc0', purple: '#7b2d8e', pink: '#b0246f', red: '#b3261e', orange: '#a8480b', clay: '#8f4326', brown: '#6f4526', green: '#1c6b3c', grey: '#57606a', black: '#202428',
} as const;

export type ColourName = keyof typeof palette;

export const colourNames = Object.keys(palette) as ColourName[];

/** hexOf is a colour as #rrggbb; "" for what is none. */
export function hexOf(text: string): string {
  const typed = text.trim();
  if (/^#[0-9a-f]{6}$/i.test(typed)) return typed.toLowerCase();
  return Object.hasOwn(palette, typed) ? palette[typed as ColourName] : '';
}
