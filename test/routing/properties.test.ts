import fc from '../property.ts';
import { test, type Test } from 'tap';
import { listAt, textAt, toLabels, type JsonObject } from '../../src/model/json.ts';
import { explain } from '../../src/explain/explain.ts';
import type { Request } from '../../src/explain/match.ts';
import { existingOf, isSame } from '../../src/routing/changes.ts';
import { desiredOf, redecide } from '../../src/routing/desired.ts';
import { planOf } from '../../src/routing/plan.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import { settingsWith } from '../admission/golden.ts';
import { branchNames, clusters, serviceNames } from './generated.ts';
import { apply, make, outOf } from './golden.ts';

const settings = settingsWith();

function holds<T>(t: Test, arbitrary: fc.Arbitrary<T>, predicate: (value: T) => boolean, runs = 300): void {
  const details = fc.check(fc.property(arbitrary, predicate), { numRuns: runs });
  t.notOk(details.failed, details.failed ? (fc.defaultReportMessage(details) ?? 'failed') : `${runs} runs`);
}

test('shuffled input makes the same bytes', (t) => {
  const pairs = clusters.chain((objects) =>
    fc.tuple(fc.constant(objects), fc.shuffledSubarray([...objects], { minLength: objects.length })),
  );
  holds(
    t,
    pairs,
    ([objects, shuffled]) =>
      JSON.stringify(outOf(make(objects, settings), [])) ===
      JSON.stringify(outOf(make(shuffled, settings), [])),
  );
  t.end();
});

test('after its own plan nothing is left to do, from any earlier state', (t) => {
  holds(t, fc.tuple(clusters, clusters), ([before, after]) => {
    const isRoute = (object: JsonObject): boolean =>
      textAt(object, 'kind') === 'VirtualService' || textAt(object, 'kind') === 'DestinationRule';
    const ours = apply(before, make(before, settings).plan).filter(
      (object) =>
        isRoute(object) &&
        textAt(object, 'metadata', 'labels', 'app.kubernetes.io/managed-by') === 'branchline',
    );
    const names = new Set(after.filter(isRoute).map((object) => textAt(object, 'metadata', 'name')));
    const now = [...ours.filter((object) => !names.has(textAt(object, 'metadata', 'name'))), ...after];
    const { plan } = make(now, settings);
    const then = make(apply(now, plan), settings).plan;
    return then.phases.length === 0;
  });
  t.end();
});

test('no foreign object is in any change', (t) => {
  holds(t, clusters, (objects) => {
    const foreign = new Set(
      objects
        .filter((object) => textAt(object, 'kind') === 'VirtualService')
        .map((object) => textAt(object, 'metadata', 'name')),
    );
    return make(objects, settings).plan.phases.every(({ changes }) =>
      changes.every(
        ({ kind, namespace, name }) =>
          !(kind === 'VirtualService' && namespace === 'green' && foreign.has(name)),
      ),
    );
  });
  t.end();
});

test('a route never names a subset that is not written in an earlier phase', (t) => {
  holds(t, fc.tuple(clusters, clusters), ([before, after]) => {
    const first = make(before, settings);
    const now = [
      ...apply(before, first.plan).filter(
        (object) => textAt(object, 'metadata', 'labels', 'app.kubernetes.io/managed-by') === 'branchline',
      ),
      ...after.filter((object) => textAt(object, 'kind') !== 'VirtualService'),
    ];
    const { plan } = make(now, settings);
    for (let count = 0; count <= plan.phases.length; count += 1) {
      const state = apply(now, { ...plan, phases: plan.phases.slice(0, count) });
      if (danglingSubsets(state).length > 0) return false;
    }
    return true;
  });
  t.end();
});

function danglingSubsets(objects: readonly JsonObject[]): readonly string[] {
  const known = new Set(
    objects
      .filter((object) => textAt(object, 'kind') === 'DestinationRule')
      .flatMap((rule) =>
        listAt(rule, 'spec', 'subsets').map(
          (subset) => `${textAt(rule, 'spec', 'host') ?? ''} ${textAt(subset, 'name') ?? ''}`,
        ),
      ),
  );
  const used = objects
    .filter((object) => textAt(object, 'kind') === 'VirtualService')
    .flatMap((rule) => listAt(rule, 'spec', 'http'))
    .flatMap((route) => listAt(route, 'route'))
    .filter((target) => textAt(target, 'destination', 'subset') !== undefined)
    .map(
      (target) =>
        `${textAt(target, 'destination', 'host') ?? ''} ${textAt(target, 'destination', 'subset') ?? ''}`,
    );
  return used.filter((one) => !known.has(one));
}

/** A 503 that nobody is to blame for: there is no baseline, or none of its pods is ready. */
function isStated(reason: string, baseline: string): boolean {
  return (
    reason.startsWith('branchline: ') ||
    reason.endsWith(`is version ${baseline}`) ||
    /^no pod of \S+ is ready$/.test(reason)
  );
}

test('a request without header and branch host reaches the baseline, or a 503 that says why; a branch never', (t) => {
  const hosts = [
    'green.example.io',
    'red.example.io',
    'shared.example.io',
    'shop.example.org',
    ...serviceNames.flatMap((name) => [`${name}.green.svc.cluster.local`, `${name}.red`]),
  ];
  const requests = fc.record({
    host: fc.constantFrom(...hosts),
    path: fc.constantFrom('/', '/a', '/a/b', '/a/bc', '/a/v1', '/a/v1/x', '/c/v2', '/three', '/one/x'),
    port: fc.constantFrom(80, 90),
  });
  holds(
    t,
    fc.tuple(clusters, requests),
    ([objects, { host, path, port }]) => {
      const { world } = make(objects, settings);
      const request: Request = {
        host,
        path,
        port,
        method: 'GET',
        headers: [],
        through: host.includes('example') ? 'gateway' : 'sidecar',
        namespace: 'green',
        labels: toLabels([]),
      };
      const hop = explain(world, request);
      const decided = world.desired.namespaces.get(hop.namespace)?.decided.get(hop.service);
      const isOurs =
        decided !== undefined &&
        decided.blocked === undefined &&
        [hop.route?.leaf, hop.route?.root].every((one) => one?.managed !== false);
      if (hop.status === 503 && isOurs) return isStated(hop.reason, decided.layout.baseline.version);
      if (hop.status !== undefined) return hop.status === 404 || !isOurs || hop.route === undefined;
      const fixed = [
        decided?.layout.baseline.version,
        ...(decided?.layout.versions.map(({ version }) => version) ?? []),
      ];
      const isCovered =
        isOurs &&
        (hop.route !== undefined || decided.routes.some(({ entry }) => entry === 'mesh')) &&
        port !== 90;
      return !isCovered || fixed.includes(hop.version);
    },
    2000,
  );
  t.end();
});

test('a request with the header of a ready branch reaches it, in the mesh', (t) => {
  holds(
    t,
    fc.tuple(clusters, fc.constantFrom(...branchNames)),
    ([objects, name]) => {
      const { world } = make(objects, settings);
      const id = name.replace('/', '-');
      return [...world.desired.namespaces.values()].every(({ decided }) =>
        [...decided.values()].every(({ layout, routes }) => {
          const route = routes.find(
            (one) => one.entry === 'mesh' && one.version === id && one.branch !== undefined,
          );
          if (route === undefined) return true;
          const hop = explain(world, {
            host: layout.service.name,
            path: '/',
            port: layout.ports[0]?.port,
            method: 'GET',
            headers: [[settings.routingHeader, id]],
            through: 'sidecar',
            namespace: layout.namespace.name,
            labels: toLabels([]),
          });
          return hop.version === id;
        }),
      );
    },
    1000,
  );
  t.end();
});

test('deciding one service anew after its readiness changed equals deciding everything', (t) => {
  const flips = fc.tuple(clusters, fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }));
  holds(
    t,
    flips,
    ([objects, bits]) => {
      const changed = objects.map((object, index) =>
        textAt(object, 'kind') === 'Deployment' && bits[index % 30] === true
          ? { ...object, status: { replicas: 1, readyReplicas: index % 2 } }
          : object,
      );
      const desired = desiredOf(snapshotOf(objects), settings);
      const snapshot = snapshotOf(changed);
      for (const [namespace, inside] of snapshot.services)
        for (const service of inside.keys())
          redecide(desired, { snapshot, settings }, { namespace, service });
      const whole = desiredOf(snapshot, settings);
      return isSame(Object.fromEntries(desired.objects), Object.fromEntries(whole.objects));
    },
    2000,
  );
  t.end();
});

test('what exists and is ours is taken away when nothing is in scope any more', (t) => {
  holds(t, clusters, (objects) => {
    const ours = apply(objects, make(objects, settings).plan).filter(
      (object) => textAt(object, 'metadata', 'labels', 'app.kubernetes.io/managed-by') === 'branchline',
    );
    const snapshot = snapshotOf(ours);
    const { phases } = planOf(snapshot, settings, existingOf(snapshot));
    return (
      phases.flatMap(({ changes }) => changes).length === ours.length &&
      phases.every(({ changes }) => changes.every(({ action }) => action === 'delete'))
    );
  });
  t.end();
});

test('on the host of a branch every public service sees the branch, and the ones that it has are the branch', (t) => {
  const settingsOf = [
    settings,
    settingsWith({ responseHeader: 'x-served-by', baggageMatches: 'true', publicHeader: 'remove' }),
  ];
  holds(
    t,
    fc.tuple(clusters, fc.constantFrom(...settingsOf)),
    ([objects, chosen]) => {
      const { world } = make(
        objects.filter((object) => textAt(object, 'kind') !== 'VirtualService'),
        chosen,
      );
      return [...world.desired.namespaces.values()].every(({ layout, sites, decided }) =>
        [...layout.labels].every(([id, label]) =>
          sites.every((site) =>
            site.addresses.every((address) => {
              const hop = explain(world, {
                host: `${label}.${site.domains[0] ?? ''}`,
                path: `${address.path}/zz`.replace('//', '/'),
                port: undefined,
                method: 'GET',
                headers: [[chosen.routingHeader, 'nobody']],
                through: 'gateway',
                namespace: '',
                labels: toLabels([]),
              });
              const routes =
                decided.get(hop.service)?.routes.filter(({ entry }) => entry === 'ingress') ?? [];
              const isThere = routes.some((route) => route.version === id && route.branch !== undefined);
              return hop.status !== undefined || (hop.header === id && (!isThere || hop.version === id));
            }),
          ),
        ),
      );
    },
    1000,
  );
  t.end();
});

test('the routing header of the public arrives from the Gateways that accept it, and from no other', (t) => {
  const chosen = settingsWith({
    publicHeader: 'remove',
    publicHeaderGateways: ['istio-system/inner'],
    baggageMatches: 'true',
  });
  const ready = (version: string): JsonObject => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      namespace: 'green',
      name: `edge-${version}`,
      annotations: version === 'master' ? {} : { 'branchline.dev/branch': version },
    },
    spec: { replicas: 1, template: { metadata: { labels: { app: 'edge', version } } } },
  });
  const both = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      namespace: 'green',
      name: 'edge',
      annotations: {
        'branchline.dev/context': '/edge',
        'branchline.dev/gateways': 'istio-system/public,istio-system/inner',
      },
    },
    spec: { selector: { app: 'edge' }, ports: [{ name: 'http', port: 80 }] },
  };
  let chosenByHeader = 0;
  holds(
    t,
    fc.tuple(
      clusters,
      fc.constantFrom<readonly [string, string]>(
        ['x-variant-id', 'OPS-1'],
        ['baggage', 'a=b,x-variant-id=OPS-1'],
      ),
    ),
    ([objects, header]) => {
      const { world } = make(
        [
          ...objects.filter((object) => textAt(object, 'kind') !== 'VirtualService'),
          both,
          ready('master'),
          ready('OPS-1'),
        ],
        chosen,
      );
      return [...world.desired.namespaces.values()].every(({ sites }) =>
        sites.every((site) =>
          site.addresses.every((address) =>
            site.gateways.every((gateway) => {
              const hop = explain(world, {
                host: site.domains[0] ?? '',
                path: address.path,
                port: undefined,
                method: 'GET',
                headers: [header],
                through: 'gateway',
                gateway,
                namespace: '',
                labels: toLabels([]),
              });
              const isAccepting = gateway === 'istio-system/inner';
              if (isAccepting && hop.version === 'OPS-1') chosenByHeader += 1;
              return (
                hop.status !== undefined ||
                (isAccepting
                  ? hop.header === (header[0] === 'x-variant-id' ? 'OPS-1' : undefined)
                  : hop.header === undefined && hop.version !== 'OPS-1')
              );
            }),
          ),
        ),
      );
    },
  );
  t.ok(chosenByHeader > 100, 'and there it chooses the branch');
  t.end();
});

test('where the routing header of the public is removed, nobody sees it on the domain', (t) => {
  const chosen = settingsWith({ publicHeader: 'remove' });
  holds(t, clusters, (objects) => {
    const { world } = make(
      objects.filter((object) => textAt(object, 'kind') !== 'VirtualService'),
      chosen,
    );
    return [...world.desired.namespaces.values()].every(({ sites }) =>
      sites.every((site) =>
        site.addresses.every((address) => {
          const hop = explain(world, {
            host: site.domains[0] ?? '',
            path: address.path,
            port: undefined,
            method: 'GET',
            headers: [[chosen.routingHeader, 'OPS-1']],
            through: 'gateway',
            namespace: '',
            labels: toLabels([]),
          });
          return hop.status !== undefined || hop.header === undefined;
        }),
      ),
    );
  });
  t.end();
});
