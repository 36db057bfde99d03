/** Golden admission cases: `<situation>.in.yaml` (the review and the cluster it meets) and `.out.yaml` (what we say). */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { fixedNumbers } from '../../src/config/fixed.ts';
import { loadSettings } from '../../src/config/load.ts';
import type { Settings } from '../../src/config/settings.ts';
import { isObject, textAt, type JsonObject } from '../../src/model/json.ts';
import { snapshotOf, emptySnapshot, type Snapshot } from '../../src/model/snapshot.ts';
import type { Decision } from '../../src/admission/decision.ts';
import { withNumbers } from '../quick.ts';
import { encodeReview } from '../../src/admission/review.ts';
import { reviewPaths, type ReviewPath } from '../../src/admission/decide.ts';

export interface Case {
  readonly name: string;
  readonly path: ReviewPath;
  readonly body: JsonObject;
  readonly settings: Settings;
  readonly snapshot: Snapshot;
  readonly kubernetesMinor: number | undefined;
  readonly outFile: string;
}

const folder = join(import.meta.dirname, '../cases/admission');

/** Settings as loaded from nothing but these. */
export function settingsWith(given: JsonObject = {}): Settings {
  const numbers = Object.entries(given).filter(([key]) => Object.hasOwn(fixedNumbers, key));
  const flags = Object.fromEntries(
    Object.entries(given).filter(([key]) => !Object.hasOwn(fixedNumbers, key)),
  );
  const loaded = loadSettings({ flags, environment: withNumbers(Object.fromEntries(numbers)) });
  if ('problems' in loaded) throw new Error(loaded.problems.map((problem) => problem.message).join('; '));
  return loaded.settings;
}

const defaults = settingsWith();

export function readObjects(file: string): readonly unknown[] {
  return parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as unknown);
}

/** Wraps an object into the AdmissionReview that an API server would send. */
export function reviewOf(object: unknown, request: JsonObject = {}): JsonObject {
  const subject = object ?? request['oldObject'];
  const apiVersion = textAt(subject, 'apiVersion') ?? '';
  const slash = apiVersion.indexOf('/');
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'a1b2c3d4-0000-4000-8000-000000000001',
      kind: {
        group: slash < 0 ? '' : apiVersion.slice(0, slash),
        version: apiVersion.slice(slash + 1),
        kind: textAt(subject, 'kind') ?? '',
      },
      operation: 'CREATE',
      name: textAt(subject, 'metadata', 'name') ?? '',
      namespace: textAt(subject, 'metadata', 'namespace') ?? '',
      object: object ?? null,
      oldObject: null,
      ...request,
    },
  };
}

let cases: readonly Case[] | undefined;

/** Reads every case, once. */
export function readCases(): readonly Case[] {
  cases ??= readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.in.yaml'))
    .sort()
    .map(readCase);
  return cases;
}

/** Every file of the folder that belongs to no case: stale. */
export function staleFiles(): readonly string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.out.yaml'),
  );
  const known = new Set(readCases().map((one) => one.outFile));
  return names.map((name) => join(folder, name)).filter((name) => !known.has(name));
}

function readCase(file: string): Case {
  const given: unknown = parse(readFileSync(join(folder, file), 'utf8'));
  if (!isObject(given)) throw new Error(`${file} is no mapping`);
  const known = [
    'path',
    'operation',
    'use',
    'cluster',
    'without',
    'object',
    'oldObject',
    'settings',
    'unsynced',
    'why',
    'subResource',
    'request',
    'kubernetesMinor',
  ];
  const unknown = Object.keys(given).filter((key) => !known.includes(key));
  if (unknown.length > 0) throw new Error(`${file}: unknown keys ${unknown.join(', ')}`);
  const used = typeof given['use'] === 'string' ? readObjects(join(folder, given['use'])) : [];
  const without = (given['without'] ?? []) as readonly string[];
  const cluster = [
    ...used.filter(
      (object) =>
        !without.includes(`${textAt(object, 'kind') ?? ''}/${textAt(object, 'metadata', 'name') ?? ''}`),
    ),
    ...((given['cluster'] ?? []) as readonly unknown[]),
  ];
  const flags = (given['settings'] ?? {}) as JsonObject;
  const path = reviewPaths.find((one) => one === given['path']);
  if (path === undefined)
    throw new Error(`${file}: path ${String(given['path'])} is not one of ${reviewPaths.join(', ')}`);
  return {
    name: file.slice(0, -'.in.yaml'.length),
    path,
    body: reviewOf(given['object'], {
      ...(given['operation'] === undefined ? {} : { operation: given['operation'] }),
      ...(given['oldObject'] === undefined ? {} : { oldObject: given['oldObject'] }),
      ...(given['subResource'] === undefined ? {} : { subResource: given['subResource'] }),
      ...((given['request'] ?? {}) as JsonObject),
    }),
    settings: Object.keys(flags).length === 0 ? defaults : settingsWith(flags),
    snapshot: given['unsynced'] === true ? emptySnapshot : snapshotOf(cluster),
    kubernetesMinor: typeof given['kubernetesMinor'] === 'number' ? given['kubernetesMinor'] : undefined,
    outFile: join(folder, file.replace('.in.yaml', '.out.yaml')),
  };
}

/** What a golden file holds. `object` is the object after our patch. */
export function outOf(decision: Decision): JsonObject {
  const { warnings } = encodeReview({ apiVersion: '', uid: '' }, decision, (text) => text).response;
  return {
    outcome: decision.outcome,
    ...(warnings === undefined ? {} : { warnings }),
    ...(decision.outcome === 'denied' ? { message: decision.message } : {}),
    ...(decision.problems.length > 0
      ? { problems: decision.problems.map(({ code, severity, path }) => ({ code, severity, path })) }
      : {}),
    ...(decision.outcome === 'mutated' ? { object: decision.after } : {}),
  };
}
