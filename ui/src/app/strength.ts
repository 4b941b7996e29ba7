/** How good a password is, as far as a page can tell. The server has the last word. */
export type Strength = 'empty' | 'short' | 'guessable' | 'fair' | 'strong';

/** The least number of characters, as the server asks for. */
export const passwordMin = 10;

/** strength judges a password of a person with this name and e-mail address. Length counts, symbols do not. */
export function strength(password: string, ...own: string[]): Strength {
  const letters = [...password];
  if (letters.length === 0) return 'empty';
  if (letters.length < passwordMin) return 'short';
  const low = password.trim().toLowerCase();
  const names = own.flatMap((o) => [o.toLowerCase().trim(), o.toLowerCase().split('@')[0]!.trim()]).filter((n) => n.length > 2);
  if (names.some((name) => low === name || low.replaceAll(' ', '') === name.replaceAll(' ', ''))) return 'guessable';
  // What is left when own names, common words, runs (abc, 123, qwerty) and repetitions count as one character.
  let rest = low;
  for (const known of [...names, ...common]) rest = rest.replaceAll(known, '·');
  rest = rest.replace(/(.)\1+/gu, '$1').replace(/(.{2,})\1+/gu, '$1');
  for (const row of rows) for (let i = 0; i + 4 <= row.length; i++) rest = rest.replaceAll(row.slice(i, i + 4), '·');
  const worth = [...rest].length;
  if (worth < 6) return 'guessable';
  return worth < 12 ? 'fair' : 'strong';
}

const common = ['password', 'passwort', 'passw0rd', 'motdepasse', 'administrator', 'admin', 'changeme', 'letmein', 'welcome', 'iloveyou', 'guichet', 'bonjour', 'soleil'];
const rows = ['abcdefghijklmnopqrstuvwxyz', '0123456789', '9876543210', 'qwertyuiop', 'asdfghjkl', 'zxcvbnm', 'azertyuiop', 'qsdfghjklm', 'wxcvbn', 'qwertzuiop'];
