/** What the Dockerfile says. Its steps are run by `npm run test:e2e`: they install the dependencies anew. */
import { test } from 'tap';
import { readContext, readStages, readStart, stepsOf } from './image.ts';

const [builder] = readStages();
const webhook = stepsOf('webhook');
const copiesOf = (target: string): string =>
  stepsOf(target)
    .filter(([instruction]) => instruction === 'COPY')
    .map(([, rest]) => rest)
    .join('\n');

test('the image is built from what .dockerignore lets through, and of what was built', (t) => {
  const copied = (builder?.steps ?? [])
    .filter(([instruction]) => instruction === 'COPY')
    .flatMap(([, rest]) => rest.split(/\s+/).slice(0, -1));
  t.same([...new Set(copied)].sort(), [...readContext()].sort());
  t.equal(builder?.name, 'build');
  const known = new Set(['WORKDIR', 'COPY', 'RUN']);
  t.same(
    builder?.steps.filter(([instruction]) => !known.has(instruction)),
    [],
    'only steps that test:e2e can run',
  );
  for (const line of copiesOf('chat').split('\n')) t.match(line, /^--from=build \/src\//);
  t.end();
});

test('the image that runs installs nothing, and has a numeric user', (t) => {
  const said = new Map(webhook);
  t.notOk(said.has('RUN'));
  t.match(said.get('USER') ?? '', /^[1-9][0-9]+:[1-9][0-9]+$/, 'runAsNonRoot can be checked');
  t.equal(readStart().script, '/app/dist/branchline.js');
  t.end();
});

test('the image that is built when no target is named has no Slack library, and the one for chat has it', (t) => {
  t.equal(readStages().at(-1)?.name, 'webhook');
  t.notMatch(copiesOf('webhook'), /slack/);
  t.notMatch(copiesOf('webhook'), /\/dist(\/|\/\*)?\s/, 'files of dist are named one by one');
  t.match(copiesOf('webhook'), /dist\/branchline\.js .*dist\/licences\.txt/);
  t.match(copiesOf('chat'), /dist\/branchline\.js/);
  t.match(copiesOf('chat'), /dist\/slack-bolt\.js .*dist\/slack-bolt-licences\.txt/);
  t.end();
});
