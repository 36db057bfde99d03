/** Merged and deleted branches of real git repositories. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import type { JsonObject } from '../../src/model/json.ts';
import { startApiDouble } from './api-double.ts';
import { run } from './run.ts';
import { branch, control, tenants } from './tenant.ts';

interface Repository {
  readonly folder: string;
  readonly git: (...args: readonly string[]) => string;
  /** Changes a file and commits it. */
  readonly commit: (file: string, text?: string) => void;
}

const settled = [
  '-c',
  'user.name=t',
  '-c',
  'user.email=t@example.io',
  '-c',
  'commit.gpgsign=false',
  '-c',
  'init.defaultBranch=main',
  '-c',
  'protocol.file.allow=always',
];

function repository(folder = mkdtempSync(join(tmpdir(), 'git-'))): Repository {
  const git = (...args: readonly string[]): string =>
    execFileSync('git', ['-C', folder, ...settled, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  return {
    folder,
    git,
    commit(file, text = file) {
      writeFileSync(join(folder, file), `${text}\n`);
      git('add', file);
      git('commit', '-qm', `${file} ${text}`);
    },
  };
}

/** main with: a merged, a squashed, a rebased and an open branch, one without commits of its own, and one that was merged and went on. */
function history(): Repository {
  const repo = repository();
  const { git, commit } = repo;
  git('init', '-q');
  commit('a');
  for (const [name, files] of [
    ['feature/merged', ['m1', 'm2']],
    ['squashed', ['s1', 's2']],
    ['rebased', ['r1', 'r2']],
    ['open', ['o1']],
    ['went-on', ['w1']],
  ] as const) {
    git('checkout', '-qb', name, 'main');
    for (const file of files) commit(file);
  }
  git('checkout', '-q', 'main');
  commit('b');
  git('branch', 'fresh');
  commit('c');
  git('merge', '-q', '--no-ff', '--no-edit', 'feature/merged');
  git('merge', '-q', '--squash', 'squashed');
  git('commit', '-qm', 'squashed (#1)');
  git('cherry-pick', 'rebased~1', 'rebased');
  git('merge', '-q', '--no-ff', '--no-edit', 'went-on');
  git('checkout', '-q', 'went-on');
  commit('w2');
  git('checkout', '-q', 'main');
  return repo;
}

const names = ['feature-merged', 'squashed', 'rebased', 'open', 'went-on', 'fresh', 'nobody-knows'];

async function ended(
  args: readonly string[],
  objects: readonly JsonObject[] = names.map((name) => branch(name, { hours: 2 })),
): Promise<{ code: number; err: string; removed: readonly string[]; reasons: string }> {
  const api = await startApiDouble([...tenants(), ...objects]);
  api.react = control;
  try {
    const { code, err, out } = await run([
      'housekeep',
      ...args,
      '--settle-milliseconds',
      '0',
      '--max-removals-per-sweep',
      '100',
      '--kubeconfig',
      api.kubeconfig,
    ]);
    const left = new Set([...api.objects.keys()]);
    return {
      code,
      err,
      removed: names.filter(
        (name) => objects.length > 0 && !left.has(`deployments/ww-green/fact-find-ui-${name}`),
      ),
      reasons: out,
    };
  } finally {
    await api.close();
  }
}

test('branches that were merged, squashed or rebased are ended; open, fresh and continued ones are not', async (t) => {
  const { folder } = history();
  const { code, removed, reasons } = await ended(['--merged-into', 'main', '--repo', folder]);
  t.equal(code, 0);
  t.same(removed, ['feature-merged', 'squashed', 'rebased']);
  t.match(reasons, /squashed .* removed .* merged into main\n/);
});

test('a branch that is open in another repository is not ended', async (t) => {
  const { folder } = history();
  const other = repository();
  other.git('init', '-q');
  other.commit('a');
  other.git('checkout', '-qb', 'squashed');
  other.commit('x');
  const { removed } = await ended(['--merged-into', 'main', '--repo', folder, '--repo', other.folder]);
  t.same(removed, ['feature-merged', 'rebased']);
});

test('a branch that was kept, or deployed just now, is not ended although it is merged', async (t) => {
  const { folder } = history();
  const { removed } = await ended(
    ['--merged-into', 'main', '--repo', folder],
    [
      ...names
        .filter((name) => name !== 'squashed' && name !== 'rebased')
        .map((name) => branch(name, { hours: 2 })),
      branch('squashed', { hours: 0 }),
      branch('rebased', { hours: 2, annotations: { 'branchline.dev/keep': 'true' } }),
    ],
  );
  t.same(removed, ['feature-merged']);
});

test('branches that no remote has any more are ended', async (t) => {
  const { folder, git } = history();
  const clone = repository();
  clone.git('clone', '-q', folder, '.');
  git('branch', '-q', '-D', 'open', 'rebased');
  const { code, removed, reasons } = await ended(['--gone', '--repo', clone.folder, '--remote', 'origin']);
  t.equal(code, 0);
  t.same(removed, ['rebased', 'open', 'nobody-knows']);
  t.match(reasons, /open .* its git branch is not in origin\n/);
  t.same(
    (await ended(['--gone', '--remote', folder])).removed,
    ['rebased', 'open', 'nobody-knows'],
    'by address',
  );
});

test('a remote without branches, or that does not answer, ends nothing', async (t) => {
  const empty = repository();
  empty.git('init', '-q');
  for (const args of [
    ['--gone', '--remote', empty.folder],
    ['--gone', '--remote', '/no/such/repository'],
    ['--merged-into', 'main', '--repo', '/no/such/repository'],
    ['--merged-into', 'nope', '--repo', history().folder],
  ]) {
    const { code, err, removed } = await ended(args);
    t.equal(code, 3, args.join(' '));
    t.match(err, /^branchline: /);
    t.same(removed, []);
  }
});

test('names that look like options are names', async (t) => {
  const { folder } = history();
  t.equal((await ended(['--merged-into', '--upload-pack=x', '--repo', folder])).code, 3);
  t.equal((await ended(['--gone', '--remote=--upload-pack=touch /tmp/x', '--repo', folder])).code, 3);
});
