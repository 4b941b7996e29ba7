/** Ids in kebab-case, made of names. */

const most = 64;

/** kebab writes a name as an id: "Café du Nord" is "cafe-du-nord". Of a name without Latin letters nothing may be left. */
export function kebab(name: string): string {
  return name
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll('ß', 'ss')
    .replaceAll(/['’]/g, '')
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, most)
    .replace(/-+$/, '');
}

/** propose is an id for a name that is not taken yet. */
export function propose(name: string, taken: Iterable<string>, otherwise: string): string {
  const others = new Set(taken);
  const base = kebab(name) || otherwise;
  for (let n = 1; ; n++) {
    const end = n === 1 ? '' : `-${n}`;
    const id = base.slice(0, most - end.length).replace(/-+$/, '') + end;
    if (!others.has(id)) return id;
  }
}

/** wellFormed tells whether an id is written as ids are. */
export const wellFormed = (id: string): boolean => id.length <= most && /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(id);
