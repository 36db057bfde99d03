/** Laws of pods, held by generated ones: whatever a pod looks like, what we add is safe, once, and takes nothing away. */
import fc from '../property.ts';
import { test } from 'tap';
import { decide } from '../../src/admission/decide.ts';
import { preloads } from '../../src/admission/pods/node-options.ts';
import { creationOf } from '../../src/commands/admitted.ts';
import { at, isObject, listAt, textAt, type JsonObject } from '../../src/model/json.ts';
import { snapshotOf, type Snapshot } from '../../src/model/snapshot.ts';
import { settingsWith } from './golden.ts';

const managed = { 'app.kubernetes.io/managed-by': 'branchline' };
const world = [
  {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'ww-green', labels: { 'branchline.dev/enabled': 'true' } },
  },
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'branchline-agent-1', namespace: 'ww-green', labels: managed },
    immutable: true,
    data: { 'agent.cjs': '' },
  },
];
const standIn = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'branchline-node-options', namespace: 'ww-green', labels: managed },
  immutable: true,
  data: { NODE_OPTIONS: '' },
};
const snapshots: readonly Snapshot[] = [
  snapshotOf(world),
  snapshotOf([...world, standIn]),
  snapshotOf(world.slice(0, 1)),
];
const deliveries = ['configMap', 'image', 'initContainer', 'none'].map((agentDelivery) =>
  settingsWith({ agentDelivery, agentImage: 'agent:1' }),
);

const variable = fc
  .record({
    name: fc.constantFrom(
      'NODE_OPTIONS',
      'OTEL_PROPAGATORS',
      'MANAGEMENT_TRACING_BAGGAGE_REMOTE_FIELDS',
      'HEAP',
    ),
    value: fc.constantFrom(
      '',
      '--a',
      '--a "b c"',
      '"',
      '--require /branchline/agent.cjs',
      'b3',
      'none',
      'x-variant-id',
    ),
  })
  .chain((one) =>
    fc.constantFrom<JsonObject>(one, {
      name: one.name,
      valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } },
    }),
  );
const mount = fc.record({
  name: fc.constantFrom('branchline-agent', 'cache'),
  mountPath: fc.constantFrom('/branchline', '/branchline/', '/branchline/x', '/data', '/'),
});
const source = fc.constantFrom<JsonObject>(
  { configMapRef: { name: 'options' } },
  { secretRef: { name: 's' } },
  { configMapRef: { name: 'branchline-node-options' } },
);
const orNull = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: null, freq: 8 });
const container = (names: readonly string[]) =>
  fc.record(
    {
      name: fc.constantFrom(...names),
      image: fc.constant('x'),
      env: orNull(fc.array(variable, { maxLength: 3 })),
      envFrom: orNull(fc.array(source, { maxLength: 2 })),
      volumeMounts: orNull(
        fc.uniqueArray(mount, { selector: ({ mountPath }) => mountPath.replace(/\/$/, ''), maxLength: 2 }),
      ),
    },
    { requiredKeys: ['name', 'image'] },
  );
const volume = fc.constantFrom<JsonObject>(
  { name: 'cache', emptyDir: {} },
  { name: 'branchline-agent', emptyDir: {} },
  { name: 'branchline-agent', configMap: { name: 'branchline-agent-1', defaultMode: 420 } },
  { name: 'branchline-agent', configMap: { name: 'branchline-agent-gone' } },
  { name: 'branchline-agent', configMap: { name: 'branchline-agent-1', optional: true } },
  { name: 'branchline-agent', image: { reference: 'agent:1' } },
);
const pods = fc.record({
  apiVersion: fc.constant('v1'),
  kind: fc.constant('Pod'),
  metadata: fc.record({
    name: fc.constant('p'),
    namespace: fc.constant('ww-green'),
    annotations: fc.dictionary(
      fc.constantFrom('branchline.dev/inject', 'branchline.dev/containers'),
      fc.constantFrom('node,otel,spring', 'node', 'otel', 'none', 'app,init', 'nothing'),
      { maxKeys: 2 },
    ),
  }),
  spec: fc.record(
    {
      containers: fc.uniqueArray(container(['app', 'worker', 'istio-proxy']), {
        selector: ({ name }) => name,
        minLength: 1,
        maxLength: 3,
      }),
      initContainers: orNull(
        fc.uniqueArray(container(['init', 'branchline-agent']), {
          selector: ({ name }) => name,
          maxLength: 2,
        }),
      ),
      volumes: orNull(fc.uniqueArray(volume, { selector: ({ name }) => name, maxLength: 2 })),
      os: fc.constantFrom({ name: 'linux' }, { name: 'windows' }),
    },
    { requiredKeys: ['containers'] },
  ),
});
const situations = fc.record({
  pod: pods,
  snapshot: fc.constantFrom(...snapshots),
  settings: fc.constantFrom(...deliveries),
  kubernetesMinor: fc.constantFrom(0, 34, 35, undefined),
});

type Situation = typeof situations extends fc.Arbitrary<infer T> ? T : never;

function admit(pod: JsonObject, facts: Omit<Situation, 'pod'>): JsonObject {
  const decision = decide('/mutate/pods', creationOf(pod), facts);
  if (decision.outcome === 'denied') throw new Error('a pod was refused');
  return decision.outcome === 'mutated' ? decision.after : pod;
}

function containersOf(pod: JsonObject): readonly JsonObject[] {
  return [...listAt(pod, 'spec', 'initContainers'), ...listAt(pod, 'spec', 'containers')].filter(isObject);
}

/** Every situation is tried; `law` says what is wrong, or nothing. */
function holds(
  law: (before: JsonObject, after: JsonObject, facts: Omit<Situation, 'pod'>) => string | undefined,
): void {
  fc.assert(
    fc.property(situations, ({ pod, ...facts }) => {
      const wrong = law(pod, admit(pod, facts), facts);
      if (wrong !== undefined) throw new Error(wrong);
    }),
    { numRuns: 3000 },
  );
}

const agentVolumes = (pod: JsonObject): readonly unknown[] =>
  listAt(pod, 'spec', 'volumes').filter((one) => textAt(one, 'name') === 'branchline-agent');

test('a container that we made preload the agent has it mounted, from a volume that is certain to hold it', (t) => {
  holds((before, after, { snapshot, kubernetesMinor }) => {
    const preloading = new Set(
      containersOf(before)
        .filter(preloads)
        .map((one) => one['name']),
    );
    for (const one of containersOf(after).filter((each) => preloads(each) && !preloading.has(each['name']))) {
      const mounts = listAt(one, 'volumeMounts').filter((each) =>
        (textAt(each, 'mountPath') ?? '').startsWith('/branchline'),
      );
      if (mounts.length !== 1 || textAt(mounts[0], 'name') !== 'branchline-agent')
        return `${String(one['name'])} does not mount it`;
      const [only, ...more] = agentVolumes(after);
      const map = textAt(only, 'configMap', 'name');
      const isMap =
        map === 'branchline-agent-1' &&
        at(only, 'configMap', 'optional') !== true &&
        snapshot !== snapshots[2];
      const isFilled =
        at(only, 'emptyDir') !== undefined &&
        listAt(after, 'spec', 'initContainers').some((each) => textAt(each, 'name') === 'branchline-agent');
      const isImage =
        textAt(only, 'image', 'reference') === 'agent:1' &&
        (kubernetesMinor === undefined || kubernetesMinor >= 35 || agentVolumes(before).length > 0);
      if (more.length > 0 || !(isMap || isFilled || isImage)) return 'the volume is not certain';
    }
    return undefined;
  });
  t.end();
});

test('a reference to NODE_OPTIONS that we write always means something', (t) => {
  holds((before, after) => {
    for (const one of containersOf(after)) {
      const was = containersOf(before).find(({ name }) => name === one['name']);
      const options = listAt(one, 'env').find((each) => textAt(each, 'name') === 'NODE_OPTIONS');
      if (
        !(textAt(options, 'value') ?? '').includes('$(NODE_OPTIONS)') ||
        listAt(was, 'env').some((each) => textAt(each, 'name') === 'NODE_OPTIONS')
      )
        continue;
      if (textAt(one, 'envFrom', 0, 'configMapRef', 'name') !== 'branchline-node-options')
        return 'nothing stands in';
    }
    return undefined;
  });
  t.end();
});

test('its own output again changes nothing', (t) => {
  holds((_, after, facts) =>
    JSON.stringify(admit(after, facts)) === JSON.stringify(after) ? undefined : 'it changed',
  );
  t.end();
});

test('nothing is taken away: variables, sources and mounts stay in their order, values only grow at their end', (t) => {
  holds((before, after) => {
    for (const was of containersOf(before)) {
      const now = containersOf(after).find(({ name }) => name === was['name']);
      for (const [index, variable] of listAt(was, 'env').entries()) {
        const kept = at(now, 'env', index);
        const [from, to] = [textAt(variable, 'value'), textAt(kept, 'value')];
        if (
          textAt(kept, 'name') !== textAt(variable, 'name') ||
          (from === undefined
            ? JSON.stringify(kept) !== JSON.stringify(variable)
            : !(to ?? '').startsWith(from))
        )
          return `variable ${index} of ${String(was['name'])}`;
      }
      const own = (one: unknown): boolean =>
        textAt(one, 'configMapRef', 'name') !== 'branchline-node-options';
      if (
        JSON.stringify(listAt(now, 'envFrom').filter(own)) !==
        JSON.stringify(listAt(was, 'envFrom').filter(own))
      )
        return 'sources';
      if (
        listAt(was, 'volumeMounts').some(
          (one, index) => JSON.stringify(at(now, 'volumeMounts', index)) !== JSON.stringify(one),
        )
      )
        return 'mounts';
    }
    return undefined;
  });
  t.end();
});

test('a proxy stays byte for byte as it is, and no name is there twice that was there once', (t) => {
  holds((before, after) => {
    const proxy = (pod: JsonObject): string =>
      JSON.stringify(containersOf(pod).filter(({ name }) => name === 'istio-proxy'));
    if (proxy(before) !== proxy(after)) return 'the proxy changed';
    const names = containersOf(after).map(({ name }) => name);
    return new Set(names).size === names.length && agentVolumes(after).length <= 1
      ? undefined
      : `twice: ${names.join(', ')}`;
  });
  t.end();
});
