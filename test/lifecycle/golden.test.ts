/**
 * Golden sweeps: `<situation>.in.yaml` (first document: `now`, settings, options; then the cluster) and `.out.yaml` (every decision). Each runs three ways: as given;
 * with its objects in another order (same bytes); after it was carried out (nothing more is ended or warned about).
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { parseAllDocuments, stringify } from 'yaml';
import { parseLabelFilter } from '../../src/lifecycle/label-filter.ts';
import { planSweep, type Sweep, type SweepOptions } from '../../src/lifecycle/sweep.ts';
import { at, numberAt, objectAt, textAt, type JsonObject } from '../../src/model/json.ts';
import { parseTime, showTime } from '../../src/model/time.ts';
import { carriedOut, factsOf } from './world.ts';

const folder = join(import.meta.dirname, '../cases/lifecycle');

interface Case {
  readonly head: JsonObject;
  readonly objects: readonly JsonObject[];
  readonly now: number;
}

function read(file: string): Case {
  const [head = {}, ...objects] = parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map(
    (document) => document.toJS() as JsonObject,
  );
  return { head, objects, now: parseTime(textAt(head, 'now') ?? '') ?? NaN };
}

function sweep({ head, now }: Case, objects: readonly JsonObject[]): Sweep {
  const ended = Object.entries(objectAt(head, 'ended'));
  const maxDays = numberAt(head, 'maxDays');
  const server = parseTime(textAt(head, 'server') ?? '');
  const options: SweepOptions = {
    clock: { now, server },
    filter: parseLabelFilter(textAt(head, 'filter') ?? '') ?? [],
    force: at(head, 'force') === true,
    ...(ended.length === 0 ? {} : { ended: new Map(ended.map(([id, why]) => [id, String(why)])) }),
    ...(maxDays === undefined ? {} : { maxDays }),
  };
  return planSweep(factsOf(objects, now, objectAt(head, 'settings')), options);
}

function show({ decisions, held }: Sweep): string {
  return stringify(
    {
      ...(held === undefined ? {} : { held }),
      decisions: decisions.map(({ action, life, reason, at: time }) => ({
        workload: `${life.workload.namespace}/${life.workload.name}`,
        branch: life.branch.id,
        action,
        reason,
        ...(time === undefined ? {} : { at: showTime(time) }),
      })),
    },
    { lineWidth: 0 },
  );
}

for (const file of readdirSync(folder).filter((name) => name.endsWith('.in.yaml'))) {
  const name = file.replace('.in.yaml', '');
  const outFile = join(folder, `${name}.out.yaml`);
  test(name.replaceAll('-', ' '), (t) => {
    const given = read(file);
    t.ok(Number.isFinite(given.now), 'the case has a time');
    const first = sweep(given, given.objects);
    if (process.env['UPDATE_GOLDEN'] !== undefined) writeFileSync(outFile, show(first));
    t.ok(existsSync(outFile), 'UPDATE_GOLDEN=1 writes it');
    t.equal(show(first), readFileSync(outFile, 'utf8'));
    t.equal(show(sweep(given, [...given.objects].reverse())), show(first), 'in any order');
    const second = sweep(given, carriedOut(given.objects, first.decisions, given.now));
    const left = second.decisions
      .filter(({ action }) => action !== 'none')
      .map(({ action, life }) => `${action} ${life.workload.name}`);
    t.same(left, [], 'a second sweep at the same time does nothing');
    t.end();
  });
}

test('every case has both files', (t) => {
  const files = readdirSync(folder);
  for (const file of files)
    t.ok(
      files.includes(
        file.endsWith('.in.yaml') ? file.replace('.in.', '.out.') : file.replace('.out.', '.in.'),
      ),
      file,
    );
  t.end();
});
