/** Golden routing cases: `<situation>.in.yaml` (the cluster, and requests) and `.out.yaml` (the objects, the plan, the problems, where the requests go). */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { routeText } from '../../src/commands/explain.ts';
import type { Settings } from '../../src/config/settings.ts';
import { explain, requestFrom, worldOf, type Hop, type World } from '../../src/explain/explain.ts';
import { isObject, listAt, textAt, toLabels, type JsonObject } from '../../src/model/json.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import { existingOf } from '../../src/routing/changes.ts';
import { desiredOf, problemsOf, type Desired } from '../../src/routing/desired.ts';
import { byCodeUnit } from '../../src/routing/layout.ts';
import { planOf, type Plan } from '../../src/routing/plan.ts';
import { settingsWith } from '../admission/golden.ts';

export const folder = join(import.meta.dirname, '../cases/routing');

export interface Case {
  readonly name: string;
  readonly objects: readonly JsonObject[];
  readonly requests: readonly JsonObject[];
  readonly settings: Settings;
  readonly outFile: string;
}

export interface Made {
  readonly desired: Desired;
  readonly plan: Plan;
  readonly world: World;
}

/** What a pass makes of objects. */
export function make(objects: readonly unknown[], settings: Settings): Made {
  const snapshot = snapshotOf(objects);
  const desired = desiredOf(snapshot, settings);
  return {
    desired,
    plan: planOf(snapshot, settings, existingOf(snapshot)),
    world: worldOf(snapshot, desired, settings),
  };
}

/** The cluster after a plan was carried out, change by change. */
export function apply(
  objects: readonly JsonObject[],
  { phases }: Pick<Plan, 'phases'>,
): readonly JsonObject[] {
  const identity = (object: unknown): string =>
    `${textAt(object, 'kind') ?? ''}/${textAt(object, 'metadata', 'namespace') ?? ''}/${textAt(object, 'metadata', 'name') ?? ''}`;
  const after = new Map(objects.map((object) => [identity(object), object]));
  for (const { action, kind, namespace, name, after: written } of phases.flatMap(({ changes }) => changes)) {
    const key = `${kind}/${namespace}/${name}`;
    if (action === 'create' && after.has(key)) throw new Error(`${key} is there already`);
    if (written === undefined) after.delete(key);
    else after.set(key, written as unknown as JsonObject);
  }
  return [...after.values()];
}

/** What a golden file holds. */
export function outOf({ desired, plan, world }: Made, requests: readonly JsonObject[]): JsonObject {
  const objects = [...desired.objects].sort(([a], [b]) => byCodeUnit(a, b)).map(([, object]) => object);
  const problems = problemsOf(desired).map(({ code, kind, namespace, name, message }) => ({
    code,
    about: `${kind} ${namespace}/${name}`,
    message,
  }));
  return {
    ...(requests.length === 0
      ? {}
      : { hops: requests.map((request) => show(request, hopOf(world, request))) }),
    ...(problems.length === 0 ? {} : { problems }),
    plan: plan.phases.map(({ name, afterMilliseconds, changes }) => ({
      phase: name,
      afterMilliseconds,
      changes: changes.map(({ action, kind, name: object }) => `${action} ${kind} ${object}`),
    })),
    objects,
  };
}

/** Explains one request of a case: `from` a Service (`namespace/name`), or from outside through a `gateway` (`namespace/name`; any). */
export function hopOf(world: World, request: JsonObject): Hop {
  const headers = listAt(request, 'headers').map((header) => String(header).split(/: */) as [string, string]);
  const rest = {
    host: textAt(request, 'host') ?? '',
    path: textAt(request, 'path') ?? '/',
    method: 'GET',
    port: request['port'] as number | undefined,
    headers,
  };
  const [namespace, service] = (textAt(request, 'from') ?? '').split('/');
  if (namespace === undefined || service === undefined)
    return explain(world, {
      ...rest,
      through: 'gateway',
      gateway: textAt(request, 'gateway'),
      namespace: '',
      labels: toLabels([]),
    });
  return explain(world, requestFrom(world, { namespace, service }, rest));
}

function show(request: JsonObject, { service, version, status, reason, route, header }: Hop): JsonObject {
  const asked = [
    textAt(request, 'from') ?? textAt(request, 'gateway') ?? 'gateway',
    `${textAt(request, 'host') ?? ''}${textAt(request, 'path') ?? ''}`,
    ...listAt(request, 'headers').map(String),
  ].join(' | ');
  return {
    [asked]: {
      to: status === undefined ? `${service} ${version}` : `${status}`,
      why: reason,
      by: routeText(route),
      ...(header === undefined ? {} : { header }),
    },
  };
}

export function readCases(from = folder): readonly Case[] {
  return readdirSync(from)
    .filter((name) => name.endsWith('.in.yaml'))
    .sort()
    .map((file) => readCase(file, from));
}

/** Every golden file that belongs to no case: stale. */
export function staleFiles(): readonly string[] {
  const known = new Set(readCases().map((one) => one.outFile));
  return readdirSync(folder)
    .filter((name) => name.endsWith('.out.yaml'))
    .map((name) => join(folder, name))
    .filter((name) => !known.has(name));
}

function readCase(file: string, from: string): Case {
  const given: unknown = parse(readFileSync(join(from, file), 'utf8'));
  if (!isObject(given)) throw new Error(`${file} is no mapping`);
  const unknown = Object.keys(given).filter(
    (key) => !['why', 'use', 'cluster', 'requests', 'settings'].includes(key),
  );
  if (unknown.length > 0) throw new Error(`${file}: unknown keys ${unknown.join(', ')}`);
  const used =
    textAt(given, 'use') === undefined
      ? []
      : parseAllDocuments(readFileSync(join(from, textAt(given, 'use') ?? ''), 'utf8')).map(
          (document) => document.toJS() as unknown,
        );
  const identity = (object: unknown): string =>
    `${textAt(object, 'kind') ?? ''}/${textAt(object, 'metadata', 'name') ?? ''}`;
  const own = listAt(given, 'cluster');
  const replaced = new Set(own.map(identity));
  return {
    name: file.slice(0, -'.in.yaml'.length),
    objects: [...used.filter((object) => !replaced.has(identity(object))), ...own].filter(isObject),
    requests: listAt(given, 'requests').filter(isObject),
    settings: settingsWith((given['settings'] ?? {}) as JsonObject),
    outFile: join(from, file.replace('.in.yaml', '.out.yaml')),
  };
}
