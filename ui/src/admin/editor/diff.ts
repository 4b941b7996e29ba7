/** Differences of texts: reading a unified diff, and making one of two texts. */

export interface Line {
  kind: 'same' | 'added' | 'removed' | 'gap';
  text: string;
  number?: number; // of the line in the new text, where it is known
}

/** parse reads a unified diff into lines. A gap stands where lines were left out; the heads are left away. */
export function parse(diff: string): Line[] {
  const lines: Line[] = [];
  let inside = false;
  let number = 0;
  for (const line of diff.split('\n')) {
    if (line.startsWith('@@')) {
      if (lines.length > 0 || !/^@@ -[01](,\d+)? /.test(line)) lines.push({ kind: 'gap', text: '' });
      inside = true;
      number = Number(/\+(\d+)/.exec(line)?.[1] ?? 0);
    } else if (!inside) continue;
    else if (line.startsWith('+')) lines.push({ kind: 'added', text: line.slice(1), number: number++ });
    else if (line.startsWith('-')) lines.push({ kind: 'removed', text: line.slice(1) });
    else if (line.startsWith(' ')) lines.push({ kind: 'same', text: line.slice(1), number: number++ });
  }
  return lines;
}

/** count is how many lines were added and removed. */
export function count(lines: readonly Line[]): { added: number; removed: number } {
  return { added: lines.filter((l) => l.kind === 'added').length, removed: lines.filter((l) => l.kind === 'removed').length };
}

const around = 3;

/** between is the difference of two texts by lines, with three lines around each change. Texts of thousands of lines are fine. */
export function between(before: string, after: string): Line[] {
  const [a, b] = [before.split('\n'), after.split('\n')];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const all: Line[] = [
    ...a.slice(0, start).map((text): Line => ({ kind: 'same', text })),
    ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...a.slice(a.length - end).map((text): Line => ({ kind: 'same', text })),
  ];
  const near = all.map((_, i) => all.slice(Math.max(0, i - around), i + around + 1).some((l) => l.kind !== 'same'));
  const lines: Line[] = [];
  for (const [i, line] of all.entries()) {
    if (near[i]) lines.push(line);
    else if (near[i + 1]) lines.push({ kind: 'gap', text: '' });
  }
  return lines;
}

const cellsMost = 4_000_000;

/** middle compares what differs by the longest common subsequence; of very large differences it says: all of it. */
function middle(a: string[], b: string[]): Line[] {
  const removed = (text: string): Line => ({ kind: 'removed', text });
  const added = (text: string): Line => ({ kind: 'added', text });
  if (a.length * b.length > cellsMost) return [...a.map(removed), ...b.map(added)];
  const width = b.length + 1;
  const longest = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i * width + j] = a[i] === b[j] ? longest[(i + 1) * width + j + 1]! + 1 : Math.max(longest[(i + 1) * width + j]!, longest[i * width + j + 1]!);
    }
  }
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) lines.push({ kind: 'same', text: a[(j++, i++)]! });
    else if (i < a.length && (j === b.length || longest[(i + 1) * width + j]! >= longest[i * width + j + 1]!)) lines.push(removed(a[i++]!));
    else lines.push(added(b[j++]!));
  }
  return lines;
}
