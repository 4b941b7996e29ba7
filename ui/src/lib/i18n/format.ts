/**
 * Texts with places: `{name}` stands for a value, `{count, plural, one {# message} other {# messages}}` chooses by the
 * language's plural rule. That is all of ICU's message syntax that the catalogues use.
 */
export type Values = Record<string, string | number>;

const plurals = new Map<string, Intl.PluralRules>();

function plural(language: string, count: number): Intl.LDMLPluralRule {
  let rules = plurals.get(language);
  if (!rules) plurals.set(language, (rules = new Intl.PluralRules(language)));
  return rules.select(count);
}

/** fill puts the values into a text. A place without a value stays visible as it is written. */
export function fill(text: string, values: Values, language: string): string {
  let out = '';
  let i = 0;
  while (i < text.length) {
    const open = text.indexOf('{', i);
    if (open < 0) return out + text.slice(i);
    out += text.slice(i, open);
    const close = closing(text, open);
    out += place(text.slice(open + 1, close), values, language);
    i = close + 1;
  }
  return out;
}

function place(inside: string, values: Values, language: string): string {
  const [name = '', kind, ...rest] = split(inside);
  const value = values[name];
  if (kind !== 'plural') return value === undefined ? `{${inside}}` : typeof value === 'number' ? number(value, language) : value;
  const count = Number(value);
  const forms = cases(rest.join(','));
  const form = forms.get(`=${count}`) ?? forms.get(plural(language, count)) ?? forms.get('other') ?? '';
  return fill(form, values, language).replaceAll('#', number(count, language));
}

const numbers = new Map<string, Intl.NumberFormat>();

function number(value: number, language: string): string {
  let format = numbers.get(language);
  if (!format) numbers.set(language, (format = new Intl.NumberFormat(language)));
  return format.format(value);
}

/** split cuts "name, plural, one {…} other {…}" at its first two commas. */
function split(inside: string): string[] {
  const first = inside.indexOf(',');
  if (first < 0) return [inside.trim()];
  const second = inside.indexOf(',', first + 1);
  return second < 0
    ? [inside.slice(0, first).trim(), inside.slice(first + 1).trim()]
    : [inside.slice(0, first).trim(), inside.slice(first + 1, second).trim(), inside.slice(second + 1)];
}

function cases(text: string): Map<string, string> {
  const forms = new Map<string, string>();
  let i = 0;
  for (let open = text.indexOf('{', i); open >= 0; open = text.indexOf('{', i)) {
    const close = closing(text, open);
    forms.set(text.slice(i, open).trim(), text.slice(open + 1, close));
    i = close + 1;
  }
  return forms;
}

function closing(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === '{') depth++;
    if (text[i] === '}' && --depth === 0) return i;
  }
  return text.length;
}
