/** NODE_OPTIONS as node itself reads them: what a container had stays, word for word, and the agent is there once. */
import { spawnSync } from 'node:child_process';
import fc from '../property.ts';
import { test } from 'tap';
import { preload, preloadFlag, preloads, wordsOf } from '../../src/admission/pods/node-options.ts';

const rows: readonly { readonly options: string; readonly words: readonly string[] | undefined }[] = [
  { options: '', words: [] },
  { options: ' --a   --b=1 ', words: ['--a', '--b=1'] },
  { options: '--title="two words"', words: ['--title=two words'] },
  { options: '"--title=a \\"b\\\\"', words: ['--title=a "b\\'] },
  { options: '--title=a\\b', words: ['--title=a\\b'] },
  { options: '--a\n--b', words: ['--a\n--b'] },
  { options: '--title="open', words: undefined },
  { options: '--title="open\\"', words: undefined },
];

for (const { options, words } of rows) {
  test(`reads ${JSON.stringify(options)} as node does`, (t) => {
    t.same(wordsOf(options), words);
    t.end();
  });
}

test('node itself agrees about quotes: a title of them, and an end where one is open', (t) => {
  for (const { options } of rows.filter(({ options: one }) => one.includes('title'))) {
    // By a shell: the test runner adds options of its own to the node processes that it sees started.
    const ran = spawnSync(
      'sh',
      ['-c', 'NODE_OPTIONS="$1" exec "$2" -p process.title', 'sh', options, process.execPath],
      { encoding: 'utf8' },
    );
    const words = wordsOf(options);
    if (words === undefined) t.not(ran.status, 0, options);
    else t.equal(ran.stdout, `${(words[0] ?? '').slice('--title='.length)}\n`, options);
  }
  t.end();
});

test('whatever stands there stays in front, the agent comes once, and a second time changes nothing', (t) => {
  const word = fc.oneof(
    fc.constantFrom(
      '--require',
      '-r',
      '"',
      '\\',
      ' ',
      '$(HEAP)',
      '/branchline/agent.cjs',
      '--title="a b"',
      preloadFlag,
    ),
    fc.string(),
  );
  fc.assert(
    fc.property(
      fc.array(word).map((parts) => parts.join(' ')),
      fc.boolean(),
      (options, hasEmptyOptions) => {
        const before = { name: 'app', env: [{ name: 'NODE_OPTIONS', value: options }] };
        const { container, refusal } = preload(before, hasEmptyOptions);
        if (refusal !== undefined)
          return wordsOf(options) === undefined || options.includes('--experimental-permission');
        const after = (container['env'] as readonly { readonly value: string }[])[0]?.value ?? '';
        const kept = options.trim() === '' || after.startsWith(options);
        return kept && preloads(container) && preload(container, hasEmptyOptions).container === container;
      },
    ),
  );
  t.end();
});

test('reads megabytes of quotes in one pass', (t) => {
  for (const options of [
    '"\\"'.repeat(400_000),
    'a'.repeat(1_000_000),
    '"a" '.repeat(300_000),
    '\\'.repeat(1_000_000),
  ])
    t.doesNotThrow(() => wordsOf(options));
  t.end();
});
