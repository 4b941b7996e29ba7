import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig, type UserConfig } from 'vite';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * One build for each face, chosen by --mode: `app` (workspace and admin center), `panel` (the chat panel), `loader`
 * (/widget.js), `demo` (the demo shop). All share the root `src`, so that addresses are the same in development
 * (`--mode dev`, behind `guichet serve --ui-dev`) and in `dist`. File names carry no hash: the server sends ETags.
 */
const faces: Record<string, { folder: string; input: string }> = {
  app: { folder: 'app', input: 'app/index.html' },
  panel: { folder: 'widget', input: 'widget/panel.html' },
  loader: { folder: 'widget', input: 'widget/loader.ts' },
  demo: { folder: 'demo', input: 'demo/index.html' },
};

export default defineConfig(({ mode }): UserConfig => {
  const face = faces[mode];
  return {
    root: at('src'),
    base: '/',
    publicDir: false,
    cacheDir: at('node_modules/.vite'),
    plugins: [svelte({ configFile: at('svelte.config.js') }), ...(mode === 'app' || mode === 'dev' ? [tailwindcss()] : [])],
    // Tests run what browsers get: without the condition, Node would be given Svelte's server side, where nothing reacts.
    resolve: { alias: { $lib: at('src/lib') }, ...(process.env.VITEST ? { conditions: ['browser'] } : {}) },
    server: { host: '127.0.0.1', port: 5173, strictPort: true },
    build: face && {
      outDir: at('dist'),
      emptyOutDir: false,
      target: 'es2022',
      modulePreload: { polyfill: false },
      assetsInlineLimit: 0,
      reportCompressedSize: false,
      rollupOptions: {
        input: at(`src/${face.input}`),
        output: {
          ...(mode === 'loader' ? { format: 'iife' as const } : {}),
          entryFileNames: mode === 'loader' ? 'widget/loader.js' : `${face.folder}/${mode}.js`,
          chunkFileNames: `${face.folder}/chunks/[name].js`,
          assetFileNames: (asset) => {
            const name = asset.names[0] ?? 'asset';
            return name.endsWith('.css') && !/chunk|lazy/i.test(name) && (name === 'index.css' || name === 'panel.css' || name === 'style.css')
              ? `${face.folder}/${mode}.css`
              : `${face.folder}/assets/[name][extname]`;
          },
        },
      },
    },
    test: {
      environment: 'happy-dom',
      include: ['**/*.test.ts'],
      restoreMocks: true,
    },
  } as UserConfig;
});
