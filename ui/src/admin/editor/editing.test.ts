import { expect, it } from 'vitest';
import { ApiError, Unreachable, type Schema } from '$lib/api/client';
import { Editing, told } from './editing.svelte';

const file = (base: string, text: string): Schema<'ConfigurationFile'> => ({ base, text, path: 'guichet.toml', editable: true, reason: '', on_disk_differs: false, problems: [], reason_code: '', secrets: true });
const diff = '--- a\n+++ b\n@@ -1 +1 @@\n-a\n+b\n';

async function started(...files: Schema<'ConfigurationFile'>[]) {
  const editing = new Editing(async () => files.shift()!);
  await editing.load();
  return editing;
}

it('shows what it would change, then writes it', async () => {
  const editing = await started(file('1', 'a'));
  const calls: [string, boolean][] = [];
  const how = async (base: string, dry: boolean) => (calls.push([base, dry]), { applied: !dry, base: dry ? base : '2', diff, problems: [], revision: 2 });
  expect(await editing.reviewWith(how)).toBe(true);
  expect(editing.reviewed?.map((l) => l.kind)).toEqual(['removed', 'added']);
  expect(await editing.save()).toBe(true);
  expect(calls).toEqual([['1', true], ['1', false]]);
  expect(editing.file?.base).toBe('2');
  expect(await editing.save(), 'there is nothing to write any more').toBe(false);
});

it('writes nothing while there are problems', async () => {
  const editing = await started(file('1', 'a'));
  const problem = { path: 'x', line: 1, column: 1, problem: 'No.', remedy: '', severity: 'error' as const };
  expect(await editing.reviewWith(async () => ({ applied: false, base: '1', diff: '', problems: [problem], revision: 1 }))).toBe(false);
  expect([editing.problems, editing.reviewed, editing.refused]).toEqual([[problem], undefined, undefined]);
  expect(await editing.reviewWith(async () => ({ applied: false, base: '1', diff, problems: [problem], revision: 1 }))).toBe(false);
  expect([editing.reviewed, editing.refused?.map((l) => l.kind)], 'what it would have changed is shown').toEqual([undefined, ['removed', 'added']]);
  expect(await editing.reviewWith(async () => ({ applied: false, base: '1', diff, problems: [], revision: 1 }))).toBe(true);
  expect(editing.refused).toBeUndefined();
});

it('keeps what was seen while it is revised', async () => {
  const editing = await started(file('1', 'a'));
  const good = async () => ({ applied: false, base: '1', diff, problems: [], revision: 1 });
  await editing.reviewWith(good);
  let meanwhile: unknown;
  await editing.reviewWith(() => ((meanwhile = editing.reviewed), good()), true);
  expect(meanwhile).toBeDefined();
  await editing.reviewWith(() => ((meanwhile = editing.reviewed), good()));
  expect(meanwhile).toBeUndefined();
});

it('shows what somebody else changed, and does the same edit on it', async () => {
  const editing = await started(file('1', 'a\nb'), file('2', 'a\nc'));
  const how = async (base: string, dry: boolean) => {
    if (base === '1') throw new ApiError(409, 'conflict', 'Changed meanwhile.');
    return { applied: !dry, base: dry ? base : '3', diff, problems: [], revision: 2 };
  };
  expect(await editing.reviewWith(how)).toBe(false);
  expect(editing.conflict).toEqual([{ kind: 'same', text: 'a' }, { kind: 'removed', text: 'b' }, { kind: 'added', text: 'c' }]);
  expect(editing.failure).toBeUndefined();
  expect(await editing.again()).toBe(true);
  expect([editing.conflict, editing.file?.base]).toEqual([undefined, '2']);
  expect(await editing.save()).toBe(true);
});

it('tells a refusal from a conflict over the file', async () => {
  const editing = await started(file('1', 'a'), file('1', 'a'));
  const taken = new ApiError(409, 'conflict', 'There is an account already.');
  expect(await editing.reviewWith(() => Promise.reject(taken))).toBe(false);
  expect([editing.conflict, editing.failure]).toEqual([undefined, taken]);
  expect(told(taken)).toBe('There is an account already.');
  expect(told(new Unreachable())).not.toBe('');
});
