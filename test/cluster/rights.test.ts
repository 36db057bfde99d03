import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { parseAllDocuments } from 'yaml';
import { ownRights, readRights, writeRights, type Right } from '../../src/cluster/rights.ts';
import { resources } from '../../src/model/snapshot.ts';
import { listAt, textAt } from '../../src/model/json.ts';

const documents = parseAllDocuments(
  readFileSync(join(import.meta.dirname, '../../examples/kubernetes/rbac.yaml'), 'utf8'),
).map((document) => document.toJS() as unknown);
const rulesOf = (kind: string): readonly unknown[] =>
  listAt(
    documents.find((document) => textAt(document, 'kind') === kind),
    'rules',
  );
const plain = (rights: readonly Right[]): readonly unknown[] =>
  rights.map(({ apiGroups, resources: names, verbs }) => ({ apiGroups, resources: names, verbs }));

test('the example grants exactly the rights of the list', (t) => {
  t.same(rulesOf('ClusterRole'), plain([...readRights, ...writeRights]));
  t.same(rulesOf('Role'), plain(ownRights));
  t.end();
});

test('every kind that is watched may be, and no more', (t) => {
  const granted = readRights.flatMap(({ apiGroups, resources: names }) =>
    apiGroups.flatMap((group) => names.map((name) => `${group}/${name}`)),
  );
  t.same([...granted].sort(), resources.map(({ group, plural }) => `${group}/${plural}`).sort());
  t.end();
});
