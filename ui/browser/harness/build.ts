import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    binary: string;
  }
}

/** Builds the program once for all files, with the faces as they are in ui/dist. GUICHET_BIN names one that is built. */
export default function build(project: TestProject): (() => void) | void {
  const given = process.env.GUICHET_BIN;
  if (given) {
    project.provide('binary', given);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'guichet-browser-'));
  const binary = join(folder, 'guichet');
  execFileSync('go', ['build', '-o', binary, '.'], { cwd: fileURLToPath(new URL('../../../', import.meta.url)), stdio: 'inherit' });
  project.provide('binary', binary);
  process.env.GUICHET_BIN = binary; // for the projects after this one
  return () => rmSync(folder, { recursive: true, force: true });
}
