import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const everywhere = 'everywhere-*.spec.ts';

/**
 * The browser tests drive the real binary. There are two cores: two files at a time only look at pages, and much of that
 * is waiting; those in which people act run one after another.
 */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  test: {
    environment: 'node',
    globalSetup: ['harness/build.ts'],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'looks', include: [everywhere], testTimeout: 240_000, maxWorkers: 2, sequence: { groupOrder: 0 } } },
      { extends: true, test: { name: 'acts', include: ['**/*.spec.ts'], exclude: [everywhere], maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});
