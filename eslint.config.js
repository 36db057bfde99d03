// The architecture as errors: purity, import direction, size. See "Map of the source" in README.md.
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

const pure = [
  'model',
  'config',
  'regex',
  'validation',
  'admission',
  'routing',
  'lifecycle',
  'explain',
  'doctor',
];

/** Which folders of src/ a folder may import (itself is always allowed). Skipping is fine, reversing is not. */
const mayImport = {
  model: [],
  config: ['model'],
  regex: ['model'],
  validation: ['model', 'config', 'regex'],
  admission: ['model', 'config', 'regex', 'validation'],
  routing: ['model', 'config', 'regex'],
  lifecycle: ['model', 'config', 'regex'],
  explain: ['model', 'config', 'regex', 'routing'],
  doctor: ['model', 'config', 'regex', 'admission'],
  cluster: ['model'],
  telemetry: ['model'],
  webhook: [
    'model',
    'config',
    'regex',
    'validation',
    'admission',
    'routing',
    'lifecycle',
    'explain',
    'cluster',
    'telemetry',
  ],
  controller: [
    'model',
    'config',
    'regex',
    'validation',
    'admission',
    'routing',
    'lifecycle',
    'explain',
    'cluster',
    'telemetry',
  ],
  installation: ['model', 'config', 'admission', 'cluster', 'telemetry', 'webhook'],
  commands: [...pure, 'cluster', 'telemetry', 'webhook', 'controller', 'installation'],
  agent: [],
};

/** The only folder that may import each of these packages. */
const owners = {
  '@kubernetes/client-node': 'cluster',
  fastify: 'webhook',
  'node-forge': 'webhook',
  pino: 'telemetry',
  'pino-pretty': 'telemetry',
  'prom-client': 'telemetry',
  commander: 'commands',
  '@slack/bolt': 'commands',
  re2js: 'test only',
};

const impureGlobals = [
  'process',
  'console',
  'Date',
  'performance',
  'fetch',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'crypto',
  'Buffer',
  'globalThis',
];

function foreignFolders(folder) {
  const allowed = new Set([folder, ...mayImport[folder]]);
  return [...Object.keys(mayImport), 'main.ts'].filter((name) => !allowed.has(name));
}

function importRules(folder) {
  const packages = Object.keys(owners).filter((name) => owners[name] !== folder);
  const group = [
    ...foreignFolders(folder).map((name) => `**/${name}${name.endsWith('.ts') ? '' : '/**'}`),
    ...packages,
  ];
  const patterns = [
    {
      group,
      message: `src/${folder} may import only: ${[folder, ...mayImport[folder]].join(', ')} (and packages that are not another folder's).`,
    },
  ];
  if (pure.includes(folder) || folder === 'agent') {
    patterns.push({
      group: pure.includes(folder)
        ? ['node:*', 'fs', 'http', 'https', 'net', 'tls']
        : ['*', '!node:*', '!./', '!./*'],
      message: `src/${folder} is ${folder === 'agent' ? 'a guest: node built-ins only' : 'pure: no I/O'}.`,
    });
  }
  return {
    files: [`src/${folder}/**/*.ts`],
    rules: {
      'no-restricted-imports': ['error', { patterns }],
      ...(pure.includes(folder)
        ? {
            'no-restricted-globals': [
              'error',
              ...impureGlobals.map((name) => ({
                name,
                message: `src/${folder} is pure: take it as an argument.`,
              })),
            ],
            'no-restricted-properties': [
              'error',
              { object: 'Math', property: 'random', message: 'pure folders are deterministic' },
            ],
            'no-restricted-syntax': [
              'error',
              { selector: 'ThrowStatement', message: 'pure folders return Problems; they never throw' },
            ],
          }
        : {}),
    },
  };
}

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.tap/', 'certs/'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['eslint.config.js', 'test/agent/guest/*.js'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
    },
  },
  {
    files: ['src/**/*.ts'],
    plugins: { 'import-x': importX },
    settings: {
      'import-x/resolver-next': [createNodeResolver({ extensions: ['.ts'] })],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/extensions': ['.ts'],
    },
    rules: {
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'max-lines': ['error', 350],
      'max-lines-per-function': ['error', 60],
      complexity: ['error', 10],
      'max-depth': ['error', 3],
      'max-params': ['error', 5],
      'no-restricted-globals': [
        'error',
        { name: 'process', message: 'only main.ts reads the process; take it as an argument' },
      ],
      'no-console': 'error',
    },
  },
  ...Object.keys(mayImport).map(importRules),
  { files: ['**/*.js'], ...tseslint.configs.disableTypeChecked },
  { files: ['src/main.ts'], rules: { 'no-restricted-globals': 'off' } },
  // A guest asks the process it is in, and requires node's modules one by one, when they are needed.
  {
    files: ['src/agent/*.ts'],
    rules: { 'no-restricted-globals': 'off', '@typescript-eslint/no-require-imports': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    ignores: ['test/property.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { name: 'fast-check', message: 'take it from test/property.ts: the same values every time' },
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', name: 'test', package: 'tap' }] },
      ],
    },
  },
);
