import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { parse, stringify } from 'yaml';
import { textAt, type JsonObject } from '../../src/model/json.ts';
import { problemKinds } from '../../src/model/problem.ts';
import { keyOf } from '../../src/routing/istio.ts';
import { apply, folder, make, outOf, readCases, staleFiles } from './golden.ts';

const update = process.env['UPDATE_GOLDEN'] === '1';

/** A fixed shuffle: every third, then the rest backwards. */
function shuffled(objects: readonly JsonObject[]): readonly JsonObject[] {
  return [
    ...objects.filter((_, index) => index % 3 === 1),
    ...objects.filter((_, index) => index % 3 !== 1).reverse(),
  ];
}

function isForeignRoute(object: JsonObject): boolean {
  return (
    ['VirtualService', 'DestinationRule'].includes(textAt(object, 'kind') ?? '') &&
    textAt(object, 'metadata', 'labels', 'app.kubernetes.io/managed-by') !== 'branchline'
  );
}

for (const one of readCases()) {
  test(one.name.replaceAll('-', ' '), (t) => {
    const made = make(one.objects, one.settings);
    const out = stringify(outOf(made, one.requests), { lineWidth: 0, aliasDuplicateObjects: false });
    if (update) writeFileSync(one.outFile, out);
    if (!existsSync(one.outFile)) {
      t.fail(`${one.outFile} is missing; make it with UPDATE_GOLDEN=1 and read it`);
      t.end();
      return;
    }
    t.same(parse(out), parse(readFileSync(one.outFile, 'utf8')), 'as the golden file says');
    t.equal(
      stringify(outOf(make(shuffled(one.objects), one.settings), one.requests), {
        lineWidth: 0,
        aliasDuplicateObjects: false,
      }),
      out,
      'shuffled input makes the same bytes',
    );

    const after = apply(one.objects, made.plan);
    t.same(make(after, one.settings).plan.phases, [], 'after its own plan nothing is left to do');

    const foreign = new Set(
      one.objects
        .filter(isForeignRoute)
        .map((object) => keyOf(object as unknown as Parameters<typeof keyOf>[0])),
    );
    const changed = made.plan.phases
      .flatMap(({ changes }) => changes)
      .map(({ kind, namespace, name }) => `${namespace}/${kind}/${name}`);
    t.same(
      changed.filter((key) => foreign.has(key)),
      [],
      'no foreign object is in a change',
    );
    t.end();
  });
}

test('no golden file is stale', (t) => {
  t.same(staleFiles(), []);
  t.end();
});

test('the table of cases names every case, and none that is not there', (t) => {
  const rows = readFileSync(join(folder, 'README.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|'));
  const named = new Set(
    rows.flatMap((row) => [...(row.split('|')[2] ?? '').matchAll(/`([a-z0-9-]+)`/g)].map(([, name]) => name)),
  );
  t.same(
    [...named].sort(),
    readCases()
      .map(({ name }) => name)
      .sort(),
  );
  t.end();
});

test('every problem of routing has a case that trips it', (t) => {
  const tripped = new Set(
    readCases()
      .flatMap(
        (one) =>
          (outOf(make(one.objects, one.settings), [])['problems'] ?? []) as readonly {
            readonly code: string;
          }[],
      )
      .map(({ code }) => code),
  );
  t.same(
    Object.keys(problemKinds).filter((code) => code.startsWith('BL4') && !tripped.has(code)),
    [],
  );
  t.end();
});
