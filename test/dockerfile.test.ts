/** What the Dockerfile says. Its steps are run by `npm run test:e2e`: they install the dependencies anew. */
import { test } from 'tap';
import { readContext, readStages, readStart } from './image.ts';

const [builder, final] = readStages();

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
  for (const [instruction, rest] of final?.steps ?? [])
    if (instruction === 'COPY') t.match(rest, /^--from=build \/src\//);
  t.end();
});

test('the image that runs installs nothing, and has a numeric user', (t) => {
  const said = new Map(final?.steps ?? []);
  t.notOk(said.has('RUN'));
  t.match(said.get('USER') ?? '', /^[1-9][0-9]+:[1-9][0-9]+$/, 'runAsNonRoot can be checked');
  t.equal(readStart().script, '/app/dist/branchline.js');
  t.end();
});
