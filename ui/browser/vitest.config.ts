import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** The browser tests drive the real binary: one file after another, for there are two cores. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  test: {
    environment: 'node',
    include: ['**/*.spec.ts'],
    globalSetup: ['harness/build.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
