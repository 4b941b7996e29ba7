import { expect, test } from 'vitest';
import { strength } from './strength';

test.each([
  ['', 'empty'],
  ['nine char', 'short'],
  ['aaaaaaaaaaaaaaaa', 'guessable'],
  ['qwertyuiop', 'guessable'],
  ['motdepasse123', 'guessable'],
  ['12345678901234', 'guessable'],
  ['nour@atelier.example', 'guessable'],
  ['Nour Belkacem', 'guessable'],
  ['blue kettle', 'fair'],
  ['four tiles, one oven', 'strong'],
  ['🐟🫖🌧️🪴🧵🕯️🥐🧊🪁🎻🧭🪡', 'strong'],
])('%j is %s', (password, want) => {
  expect(strength(password, 'Nour Belkacem', 'nour@atelier.example')).toBe(want);
});
