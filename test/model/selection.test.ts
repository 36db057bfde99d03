import { deepStrictEqual } from 'node:assert';
import fc from '../property.ts';
import { test } from 'tap';
import { createStore } from '../../src/cluster/store.ts';
import { covers, withLabel } from '../../src/model/json.ts';
import { selects, servicesPinning, servicesSelecting, workloadsBehind } from '../../src/model/selection.ts';
import { inNamespace, resources } from '../../src/model/snapshot.ts';

type Dictionary = Record<string, string>;

const label = fc.dictionary(
  fc.constantFrom('app', 'tier', 'version', '__proto__', 'constructor'),
  fc.constantFrom('a', 'b', 'toString'),
  { maxKeys: 3 },
);
const named = fc.array(label, { maxLength: 6 });

function service(name: string, selector: Dictionary): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'shop', name }, spec: { selector } };
}

function deployment(name: string, labels: Dictionary): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: 'shop', name },
    spec: { template: { metadata: { labels } } },
  };
}

function storeOf(): {
  readonly put: (object: object) => void;
  readonly remove: (kind: string, name: string) => void;
  readonly snapshot: ReturnType<typeof createStore>['snapshot'];
} {
  const store = createStore();
  const find = (kind: string) => {
    const resource = resources.find((candidate) => candidate.kind === kind);
    if (resource === undefined) throw new Error(`no resource ${kind}`);
    return resource;
  };
  return {
    snapshot: store.snapshot,
    put: (object) =>
      void store.put(
        find((object as { kind: string }).kind),
        store.read(find((object as { kind: string }).kind), object),
      ),
    remove: (kind, name) => void store.remove(find(kind), 'shop', name),
  };
}

test('the indexes say what asking every object says, before and after a change', (t) => {
  fc.assert(
    fc.property(named, named, label, label, (selectors, templates, labels, changed) => {
      const store = storeOf();
      selectors.forEach((selector, index) => store.put(service(`s${index}`, selector)));
      templates.forEach((template, index) => store.put(deployment(`w${index}`, template)));
      agrees();
      store.put(service('s0', changed));
      store.put(deployment('w1', changed));
      store.remove('Service', 's2');
      store.remove('Deployment', 'w0');
      agrees();

      function agrees(): void {
        const services = inNamespace(store.snapshot.services, 'shop');
        const workloads = inNamespace(store.snapshot.workloads, 'shop');
        const all = [...services.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
        const asked = Object.keys(labels).length === 0 ? {} : labels;
        deepStrictEqual(
          servicesSelecting(services, asked).map(({ name }) => name),
          all.filter((one) => selects(one, asked)).map(({ name }) => name),
        );
        const pinned = all.filter(({ selector }) => {
          const version = selector['version'];
          return (
            version !== undefined &&
            version !== asked['version'] &&
            Object.keys(selector).length > 1 &&
            covers(withLabel(asked, 'version', version), selector)
          );
        });
        deepStrictEqual(
          servicesPinning(services, asked, 'version')
            .map(({ name }) => name)
            .sort(),
          pinned.map(({ name }) => name),
        );
        for (const one of all) {
          const behind = [...workloads.values()].filter(({ templateLabels }) => selects(one, templateLabels));
          deepStrictEqual(
            workloadsBehind(workloads, one).map(({ name }) => name),
            behind.map(({ name }) => name),
            one.name,
          );
        }
      }
    }),
    { numRuns: 300 },
  );
  t.pass('300 namespaces');
  t.end();
});
