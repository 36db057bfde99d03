import { spawnSync } from 'node:child_process';
import { test } from 'tap';
import { shells } from '../../src/commands/completion.ts';
import { run } from './run.ts';

const next = async (...words: readonly string[]): Promise<readonly string[]> =>
  (await run(['__complete', '--', ...words])).out.split('\n').filter((line) => line !== '');

test('completes verbs, flags and the values of flags', async (t) => {
  t.same(await next('de'), ['delete', 'deploy']);
  t.ok((await next('')).includes('housekeep'));
  t.notOk((await next('')).includes('__complete'));
  t.same(await next('list', '--outp'), ['--output']);
  t.same(await next('list', '-o', ''), ['json', 'table', 'wide', 'yaml']);
  t.same(await next('list', '-o', 'w'), ['wide']);
  t.same(await next('deploy', 'fact'), [], 'a name: the shell offers files');
  t.same(await next('nonsense', '--x'), []);
});

test('prints scripts that their shell can read', async (t) => {
  for (const shell of shells) {
    const { code, out } = await run(['completion', shell]);
    t.equal(code, 0);
    t.match(out, 'branchline __complete -- ');
    const checked = spawnSync(shell, ['-n'], { input: out });
    if (checked.error === undefined) t.equal(checked.status, 0, String(checked.stderr));
  }
  t.equal((await run(['completion', 'cmd'])).code, 2);
});

test('every verb has examples', async (t) => {
  for (const verb of [
    'serve',
    'review',
    'check',
    'render',
    'explain',
    'doctor',
    'uninstall',
    'deploy',
    'list',
    'keep',
    'delete',
    'housekeep',
    'chat',
    'completion',
  ])
    t.match((await run([verb, '--help'])).out, /\nExamples:\n {2}/, verb);
});
