import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { parse, stringify } from 'yaml';
import { listAt, textAt, type JsonObject } from '../../../src/model/json.ts';
import { snapshotOf } from '../../../src/model/snapshot.ts';
import { routeProblems } from '../../../src/validation/route-problems.ts';
import { folder as routingFolder, readCases } from '../golden.ts';
import { differenceOn, makeBoth, type Both } from './made.ts';
import type { Asked } from './request.ts';

/** Every case of routing is one here as well; others are about what only the Gateway API asks. */
const folder = join(import.meta.dirname, '../../cases/gateway-api');
const cases = [...readCases(routingFolder), ...readCases(folder)].map((one) => ({
  ...one,
  outFile: join(folder, `${one.name}.out.yaml`),
}));
const update = process.env['UPDATE_GOLDEN'] === '1';

function textOf({ objects, problems }: Both): string {
  const said = problems
    .filter(({ kind }) => kind !== 'Setting')
    .map(({ code, kind, namespace, name, message }) => ({
      code,
      about: `${kind} ${namespace}/${name}`,
      message,
    }));
  return stringify(
    { ...(said.length === 0 ? {} : { problems: said }), objects },
    { lineWidth: 0, aliasDuplicateObjects: false },
  );
}

/** A fixed shuffle: every third, then the rest backwards. */
function shuffled(objects: readonly JsonObject[]): readonly JsonObject[] {
  return [
    ...objects.filter((_, index) => index % 3 === 1),
    ...objects.filter((_, index) => index % 3 !== 1).reverse(),
  ];
}

/** A request of a case; one without `from` comes in by the first Gateway of the host's routes. */
function askedOf(request: JsonObject, { objects }: Both): Asked {
  const rest = {
    host: textAt(request, 'host') ?? '',
    path: (textAt(request, 'path') ?? '/').split('?')[0] ?? '/',
    headers: listAt(request, 'headers').map((header) => String(header).split(/: */) as [string, string]),
  };
  const [namespace] = (textAt(request, 'from') ?? '').split('/');
  const [service = '', of = namespace ?? ''] = rest.host.split('.');
  if (textAt(request, 'from')?.includes('/') === true)
    return {
      ...rest,
      parent: {
        kind: 'Service',
        name: `${of}/${service}`,
        port: typeof request['port'] === 'number' ? request['port'] : 80,
      },
    };
  const parent = objects
    .filter((object) => listAt(object, 'spec', 'hostnames').length > 0)
    .flatMap((object) => listAt(object, 'spec', 'parentRefs'))[0];
  return {
    ...rest,
    host: rest.host.toLowerCase().replace(/:\d+$/, ''),
    parent: {
      kind: 'Gateway',
      name: `${textAt(parent, 'namespace') ?? ''}/${textAt(parent, 'name') ?? ''}`,
      port: 80,
    },
  };
}

for (const one of cases) {
  test(one.name.replaceAll('-', ' '), (t) => {
    const made = makeBoth(one.objects, one.settings);
    const out = textOf(made);
    if (update) writeFileSync(one.outFile, out);
    if (!existsSync(one.outFile)) {
      t.fail(`${one.outFile} is missing; make it with UPDATE_GOLDEN=1 and read it`);
      t.end();
      return;
    }
    t.same(parse(out), parse(readFileSync(one.outFile, 'utf8')), 'as the golden file says');
    t.equal(
      textOf(makeBoth(shuffled(one.objects), one.settings)),
      out,
      'shuffled input makes the same bytes',
    );
    t.equal(
      textOf(makeBoth([...one.objects, ...made.objects], one.settings)),
      out,
      'where the output is there already, it stays as it is',
    );
    t.same(
      made.objects.flatMap((object) =>
        routeProblems(
          object,
          {
            namespace: textAt(object, 'metadata', 'namespace') ?? '',
            name: textAt(object, 'metadata', 'name') ?? '',
          },
          { settings: one.settings, snapshot: snapshotOf(one.objects) },
          'offline',
        ),
      ),
      [],
      'check finds nothing',
    );
    for (const request of one.requests)
      t.equal(differenceOn(made, askedOf(request, made)), undefined, JSON.stringify(request));
    t.end();
  });
}

test('no golden file is stale', (t) => {
  const known = new Set(cases.flatMap(({ name }) => [`${name}.in.yaml`, `${name}.out.yaml`]));
  t.same(
    readdirSync(folder).filter((name) => !known.has(name)),
    [],
  );
  t.end();
});
