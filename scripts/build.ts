/**
 * Builds `dist/agent.cjs`, the header agent, and `dist/branchline.js`: one file with everything in it, so that an image needs node and this file only. CommonJS, though the sources
 * are ES modules: it starts faster and its text takes half the memory (node keeps an ES module's source as two bytes a character).
 */
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { build, type Plugin } from 'esbuild';
import { buildAgent } from './agent.ts';
import { licencesOf } from './licences.ts';

/**
 * Of the Kubernetes client we use the kubeconfig and its credentials, with node's own HTTPS. Its generated API and its fetch agents (1.6 MB that
 * would be parsed and run at start, about 20 MB resident) are only reached by `makeApiClient` and `applyToFetchOptions`: calling those fails, in words.
 */
const leaveOutUnusedClientParts: Plugin = {
  name: 'leave-out-unused-client-parts',
  setup(bundler) {
    bundler.onResolve({ filter: /^(undici|\.\/gen\/index\.js)$/ }, ({ path, importer }) =>
      /client-node[\\/]dist[\\/]config\.js$/.test(importer) ? { path, namespace: 'left-out' } : undefined,
    );
    bundler.onLoad({ filter: /.*/, namespace: 'left-out' }, ({ path }) => ({
      contents: `const leftOut = () => { throw new Error('${path} is not in this bundle'); };\n${['Agent', 'ProxyAgent', 'createConfiguration'].map((name) => `export const ${name} = leftOut;`).join('\n')}\nexport class ServerConfiguration { constructor() { leftOut(); } }`,
    }));
  },
};

/** Slack's library is as large as all the rest, and only `branchline chat` needs it: a file of its own, read when it is asked for. */
const chatLibrary: Plugin = {
  name: 'chat-library',
  setup(bundler) {
    bundler.onResolve({ filter: /^@slack\/bolt$/ }, ({ kind }) =>
      kind === 'entry-point' ? undefined : { path: './slack-bolt.js', external: true },
    );
  },
};

await rm('dist', { recursive: true, force: true });
await mkdir('dist', { recursive: true });
const bundle = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  // Names stay, so that a stack trace in a log can be read. (esbuild's keepNames would keep short ones apart at run time, on each call of a closure.)
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  define: { 'import.meta.url': '__bundleUrl' },
  banner: { js: "const __bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
  logLevel: 'warning',
  metafile: true,
} as const;
/** Older versions of Node lack what the program uses, and would stop in the middle with an error that tells nobody why. Written so that they can read it. */
const refuseOldNode =
  "if (parseInt(process.versions.node, 10) < 24) { console.error('branchline needs Node 24 or newer, and this is ' + process.version); process.exit(3); }";
const program = await build({
  ...bundle,
  banner: { js: `${refuseOldNode}\n${bundle.banner.js}` },
  entryPoints: ['src/main.ts'],
  outfile: 'dist/branchline.js',
  plugins: [leaveOutUnusedClientParts, chatLibrary],
});
const chat = await build({ ...bundle, entryPoints: ['@slack/bolt'], outfile: 'dist/slack-bolt.js' });
// Two texts, since the image of the webhook has the program only.
await writeFile('dist/licences.txt', await licencesOf(program.metafile));
await writeFile('dist/slack-bolt-licences.txt', await licencesOf(chat.metafile));
await buildAgent('dist/agent.cjs');
await writeFile('dist/package.json', '{ "type": "commonjs" }\n');
await chmod('dist/branchline.js', 0o755);
