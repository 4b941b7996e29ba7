import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Measurements, which scripts/bench runs; they are no tests and belong to no stage of scripts/test. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  test: { environment: 'node', include: ['*.measure.ts'], testTimeout: 600_000 },
});
