import type { JsonObject } from '../../src/model/json.ts';
import { annotated, deployment, managed, namespace, pod, service, virtualService } from '../builders.ts';
import { branch, cluster, green, testRules, type Row } from './rules.ts';

const labelsPath = 'spec.template.metadata.labels';
const servicePath = 'metadata.annotations[branchline.dev/service]';
/** The baseline's workload and pod. */
const behind = cluster.slice(2);
const withService = (spec: JsonObject, more: JsonObject = {}): readonly JsonObject[] => [
  green,
  service('one', { ...more, spec }),
  ...behind,
];
const naming = (name: string, more: JsonObject = {}): JsonObject =>
  deployment('one-x', { version: 'X', branch: 'X', more: { ...annotated({ service: name }), ...more } });
const labelling = (labels: JsonObject): JsonObject => ({ spec: { template: { metadata: { labels } } } });
const publicOne = service('one', annotated({ context: '/one' }));
const to = (subset?: string, more: JsonObject = {}): JsonObject =>
  virtualService(
    'theirs',
    {
      hosts: ['shop.io'],
      gateways: ['gw'],
      http: [{ route: [{ destination: { host: 'one', ...(subset === undefined ? {} : { subset }) } }] }],
    },
    more,
  );
const owning = (host: string, more: JsonObject = {}): JsonObject =>
  virtualService('theirs', { hosts: [host], http: [] }, more);

const itsService: readonly Row[] = [
  {
    name: 'no Service selects the pods',
    object: deployment('one-x', { version: 'X', branch: 'X', more: labelling({ app: 'two' }) }),
    want: [['BL108', 'warn', labelsPath]],
  },
  {
    name: 'the Service that is named is not there',
    object: naming('gone', labelling({ app: 'two' })),
    want: [['BL108', 'warn', servicePath]],
  },
  {
    name: 'the Service that is named does not select the pods',
    object: naming('one', labelling({ app: 'two' })),
    want: [['BL108', 'warn', labelsPath]],
  },
  {
    name: 'it does not, and one of the own release does',
    object: naming('one', labelling({ app: 'two' })),
    cluster: [...cluster, service('two')],
    want: [],
  },
  {
    name: 'two Services select the pods',
    object: branch,
    cluster: [...cluster, service('again', { spec: { selector: { app: 'one' } } })],
    want: [['BL109', 'deny', labelsPath]],
  },
  {
    name: 'two do, and the branch names one',
    object: naming('one'),
    cluster: [...cluster, service('again', { spec: { selector: { app: 'one' } } })],
    want: [],
  },
  {
    name: 'the Service that is named is not there, and that of others selects the pods',
    object: naming('gone'),
    want: [['BL110', 'deny', servicePath]],
  },
  {
    name: 'the Service that is named does not select the pods, and that of others does',
    object: naming('two'),
    cluster: [
      ...cluster,
      service('two'),
      deployment('two', { version: 'master', more: labelling({ app: 'two' }) }),
    ],
    want: [['BL110', 'deny', servicePath]],
  },
  {
    name: 'the selector pins the version',
    object: branch,
    cluster: withService({ selector: { version: 'master' } }),
    want: [['BL111', 'deny', labelsPath]],
  },
];

const itsTraffic: readonly Row[] = [
  {
    name: 'no port is HTTP',
    object: branch,
    cluster: withService({ ports: [{ name: 'tcp-data', port: 9000 }] }),
    want: [['BL114', 'deny', '']],
  },
  {
    name: 'one port of two is not HTTP',
    object: branch,
    cluster: withService({
      ports: [
        { name: 'http', port: 80 },
        { name: 'tcp-data', port: 9000 },
      ],
    }),
    want: [['BL115', 'warn', '']],
  },
  {
    name: 'a port whose protocol Istio finds out',
    object: branch,
    cluster: withService({ ports: [{ name: 'web', port: 8080 }] }),
    want: [],
  },
  {
    name: 'the Service is headless',
    object: branch,
    cluster: withService({ clusterIP: 'None' }),
    want: [['BL130', 'warn', '']],
  },
  {
    name: 'a public Service without a domain',
    object: branch,
    cluster: [green, publicOne, ...behind],
    want: [['BL127', 'warn', '']],
  },
  {
    name: 'a public Service with a host of its own',
    object: branch,
    cluster: [green, service('one', annotated({ context: '/one', hostname: 'one.io' })), ...behind],
    want: [],
  },
  {
    name: 'a namespace without sidecars',
    object: branch,
    cluster: [namespace(), ...cluster.slice(1)],
    want: [['BL116', 'deny', 'metadata.namespace']],
  },
  {
    name: 'a namespace without sidecars, and pods that ask for one',
    object: deployment('one-x', {
      version: 'X',
      branch: 'X',
      more: labelling({ 'sidecar.istio.io/inject': 'true' }),
    }),
    cluster: [namespace(), ...cluster.slice(1)],
    want: [],
  },
];

const others = [
  deployment('one-y', { version: 'Y', branch: 'Y' }),
  deployment('one-z', { version: 'Z', branch: 'Z' }),
];
const full = [...cluster, ...others];
const quota: readonly Row[] = [
  {
    name: 'the Service has as many branches as it may',
    object: branch,
    cluster: full,
    settings: { maxBranchesPerService: '2' },
    want: [['BL118', 'deny', '']],
  },
  {
    name: 'the namespace has as many branches as it may',
    object: branch,
    cluster: full,
    settings: { maxBranchesPerNamespace: '2' },
    want: [['BL118', 'deny', '']],
  },
  {
    name: 'one more is allowed',
    object: branch,
    cluster: full,
    settings: { maxBranchesPerService: '3', maxBranchesPerNamespace: '3' },
    want: [],
  },
  {
    name: '0 means no limit',
    object: branch,
    cluster: full,
    settings: { maxBranchesPerService: '0' },
    want: [],
  },
  {
    name: 'a branch that is there already is not counted',
    object: branch,
    old: branch,
    cluster: [...full, branch],
    settings: { maxBranchesPerService: '2' },
    want: [],
  },
];

const foreign: readonly Row[] = [
  {
    name: "somebody else's route names no subset",
    object: branch,
    cluster: [...cluster, to()],
    want: [['BL119', 'deny', '']],
  },
  {
    name: "somebody else's route names a subset",
    object: branch,
    cluster: [...cluster, to('master')],
    want: [],
  },
  {
    name: "branchline's own route names no subset",
    object: branch,
    cluster: [...cluster, to(undefined, managed)],
    want: [],
  },
  {
    name: "somebody else's route of another namespace means another Service",
    object: branch,
    cluster: [...cluster, to(undefined, { metadata: { namespace: 'blue' } })],
    want: [],
  },
  {
    name: "somebody else's route has the Service's host in the mesh",
    object: branch,
    cluster: [...cluster, owning('one')],
    want: [['BL120', 'warn', '']],
  },
  {
    name: "branchline's own route has it",
    object: branch,
    cluster: [...cluster, owning('one', managed)],
    want: [],
  },
  {
    name: "somebody else's route has another host",
    object: branch,
    cluster: [...cluster, owning('two')],
    want: [],
  },
];

const settled: readonly Row[] = [
  {
    name: 'a branch that stays where it is is only warned',
    object: branch,
    old: branch,
    cluster: [namespace(), ...cluster.slice(1), branch],
    want: [['BL116', 'warn', 'metadata.namespace']],
  },
  {
    name: 'an update that moves it behind the Service is refused as a new one is',
    object: branch,
    old: deployment('one-x', { version: 'X', branch: 'X', more: labelling({ app: 'two' }) }),
    cluster: [namespace(), ...cluster.slice(1)],
    want: [['BL116', 'deny', 'metadata.namespace']],
  },
  {
    name: 'while the namespace is not known nothing but the object is judged',
    object: branch,
    cluster: [service(), ...behind, pod('one-x-1', 'X')],
    want: [['BL125', 'warn', '']],
  },
];

testRules([...itsService, ...itsTraffic, ...quota, ...foreign, ...settled]);
