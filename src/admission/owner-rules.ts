/** Rules about our annotations on Services and Namespaces. */
import { parse } from 'yaml';
import { isPublic, publicHostsOf, publicPathPattern, publicPathsOf } from '../model/exposure.ts';
import { commaList, isObject, type JsonObject } from '../model/json.ts';
import { declaredKeys, enabledLabel, fullKey } from '../model/keys.ts';
import type { Meta, Namespace, Service } from '../model/kubernetes.ts';
import { baselineOf } from '../model/membership.ts';
import { quote, type Problem, type ProblemCode } from '../model/problem.ts';
import { routeSettings } from '../model/route-settings.ts';
import { inNamespace } from '../model/snapshot.ts';
import { readService } from '../model/kubernetes.ts';
import { namespaceInjectIsKnown } from './inject-rules.ts';
import type { Facts } from './scope.ts';
import { unknownKeys } from './spelling-rules.ts';

/** What a rule about a Service or Namespace may use. `namespace` is the Service's, when known. */
interface DeclaredReview extends Facts {
  readonly object: JsonObject;
  readonly now: Meta;
  /** Value of the label that puts a Namespace in scope. */
  readonly enabled: string | undefined;
  readonly namespace: Namespace | undefined;
}

type OwnerRule = (review: DeclaredReview) => readonly Problem[];

/** What one annotation may hold, member by member for lists. */
interface Shape {
  readonly key: string;
  readonly list: boolean;
  readonly pattern: RegExp;
  readonly wanted: string;
}

const dnsName =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/;
const labelValue = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const gateway = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\/)?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

const gatewayShape: Shape = {
  key: 'gateways',
  list: true,
  pattern: gateway,
  wanted: 'Gateways as name or namespace/name, separated by commas',
};
const baselineShape: Shape = {
  key: 'baseline',
  list: false,
  pattern: labelValue,
  wanted: 'a version as pods carry it, e.g. master',
};

const serviceShapes: readonly Shape[] = [
  baselineShape,
  gatewayShape,
  {
    key: 'context',
    list: true,
    pattern: publicPathPattern,
    wanted: 'paths such as /fact-find-ui (or / for all), separated by commas, without / at the end',
  },
  { key: 'versions', list: true, pattern: labelValue, wanted: 'versions as pods carry them, e.g. v1,v2' },
  {
    key: 'hostname',
    list: false,
    pattern: dnsName,
    wanted: 'a DNS name in lower case, e.g. shop.example.io, without scheme, port or path',
  },
  { key: 'ingress', list: false, pattern: /^(?:true|false)$/, wanted: '"true" or "false"' },
];

const namespaceShapes: readonly Shape[] = [
  baselineShape,
  gatewayShape,
  {
    key: 'domain',
    list: false,
    pattern: dnsName,
    wanted: 'one DNS name in lower case, e.g. ww-green.example.io',
  },
  {
    key: 'secondary-domains',
    list: true,
    pattern: dnsName,
    wanted: 'DNS names in lower case, separated by commas',
  },
  { key: 'branches', list: false, pattern: /^by-label$/, wanted: 'by-label, or no such annotation' },
  { key: 'ingress', list: false, pattern: /^all$/, wanted: 'all, or no such annotation' },
  { key: 'ttl', list: false, pattern: /^[1-9][0-9]{0,6}[smhdw]$/, wanted: 'a lifetime such as 12h or 7d' },
  {
    key: 'max-ttl',
    list: false,
    pattern: /^[1-9][0-9]{0,6}[smhdw]$/,
    wanted: 'a lifetime such as 12h or 7d',
  },
];

function hasShapes(shapes: readonly Shape[], code: ProblemCode): OwnerRule {
  return ({ now }) =>
    shapes.flatMap(({ key, list, pattern, wanted }) => {
      const value = now.declared[key];
      if (value === undefined) return [];
      const members = list ? commaList(value) : [value.trim()];
      const wrong =
        members.find((member) => !pattern.test(member)) ?? (members.length === 0 ? value : undefined);
      return wrong === undefined
        ? []
        : [problem(code, key, `${fullKey(key)} is ${quote(wrong)}; write ${wanted}`)];
    });
}

function versionsAreNotTheBaseline({ now, namespace, settings, object }: DeclaredReview): readonly Problem[] {
  const baseline = baselineOf(namespace, readService(object), settings);
  if (!commaList(now.declared['versions']).includes(baseline)) return [];
  return [
    problem(
      'BL131',
      'versions',
      `${fullKey('versions')} names the baseline ${quote(baseline)}, which serves everybody anyway; leave it out`,
    ),
  ];
}

function contextIsFree({ now, namespace, snapshot, object }: DeclaredReview): readonly Problem[] {
  if (namespace === undefined || !snapshot.synced) return [];
  const mine = { ...readService(object), name: now.name };
  if (!isPublic(mine, namespace)) return [];
  const addresses = addressesOf(mine, namespace);
  for (const other of inNamespace(snapshot.services, namespace.name).values()) {
    if (other.name === now.name || !isPublic(other, namespace)) continue;
    const clash = addressesOf(other, namespace).find((address) => addresses.includes(address));
    if (clash !== undefined)
      return [
        problem(
          'BL131',
          'context',
          `${clash} is already the public address of Service ${other.name}; choose another path for ${now.name}`,
        ),
      ];
  }
  return [];
}

function addressesOf(service: Service, namespace: Namespace): readonly string[] {
  return publicHostsOf(service, namespace).flatMap((host) =>
    publicPathsOf(service).map((context) => `${host}${context}`),
  );
}

function httpIsARouteSetting({ now }: DeclaredReview): readonly Problem[] {
  const text = now.declared['http'];
  if (text === undefined) return [];
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 10 });
  } catch (error) {
    return [
      problem(
        'BL132',
        'http',
        `${fullKey('http')} is not YAML: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unreadable'}`,
      ),
    ];
  }
  if (!isObject(value))
    return [
      problem(
        'BL132',
        'http',
        `${fullKey('http')} is no mapping; write fields of an HTTP route, e.g. timeout: 5s`,
      ),
    ];
  const foreign = Object.keys(value).filter((key) => !routeSettings.includes(key));
  return foreign.map((key) =>
    problem('BL132', 'http', `${fullKey('http')} has ${quote(key)}; it may have ${routeSettings.join(', ')}`),
  );
}

function enabledIsTrueOrFalse({ enabled }: DeclaredReview): readonly Problem[] {
  if (enabled === undefined || enabled === 'true' || enabled === 'false') return [];
  return [
    {
      code: 'BL141',
      path: `metadata.labels[${enabledLabel}]`,
      message: `${enabledLabel} is ${quote(enabled)}; write "true" or "false"`,
    },
  ];
}

function problem(code: ProblemCode, key: string, message: string): Problem {
  return { code, path: `metadata.annotations[${fullKey(key)}]`, message };
}

/** Every rule about a Service. */
export const serviceRules: readonly OwnerRule[] = [
  hasShapes(serviceShapes, 'BL131'),
  versionsAreNotTheBaseline,
  contextIsFree,
  httpIsARouteSetting,
  ({ now }) => unknownKeys(now.declared, declaredKeys.service),
];

/** Every rule about a Namespace. */
export const namespaceRules: readonly OwnerRule[] = [
  hasShapes(namespaceShapes, 'BL141'),
  enabledIsTrueOrFalse,
  namespaceInjectIsKnown,
  ({ now }) => unknownKeys(now.declared, declaredKeys.namespace),
];
