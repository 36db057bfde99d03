/**
 * What judging routes costs: a whole `branchline check`, and one admission among thousands of routes. Both the time of the clock and that of the processor are
 * shown: others that work on the machine change the first more.
 */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { decide } from '../../src/admission/decide.ts';
import { decodeReview, type Review } from '../../src/admission/review.ts';
import { loadSettings } from '../../src/config/load.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { snapshotOf } from '../../src/model/snapshot.ts';
import type { Site } from './site.ts';
import { median, quantile } from './statistics.ts';
import { round, toTable, verdict, type Row } from './table.ts';

const namespaces = 50;
const goals = { checkMs: 1000, admissionMs: 5 };

/** Returns the tables. */
export async function routes(site: Site): Promise<string> {
  return `${await checks(site)}\n${admissions()}`;
}

const hostOf = (index: number): string => `service-${index}.ns-${index % namespaces}.svc.cluster.local`;

type MatchOf = (branch: number) => readonly JsonObject[];

const exactly: MatchOf = (branch) =>
  [`OPS-${branch}`, `ops-${branch}`].map((exact) => ({ headers: { 'x-variant-id': { exact } } }));
const byRegex: MatchOf = (branch) => [
  { headers: { 'x-variant-id': { regex: `(OPS-${branch}|ops-${branch})` } } },
];

/** A service with its branches and last the baseline. */
function virtualService(index: number, branches: number, matchOf: MatchOf): JsonObject {
  const to = (subset: string): readonly JsonObject[] => [{ destination: { host: hostOf(index), subset } }];
  const http = [
    ...Array.from({ length: branches }, (_, branch) => ({
      match: matchOf(branch),
      route: to(`ops-${branch}`),
    })),
    { route: to('master') },
  ];
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: `service-${index}`, namespace: `ns-${index % namespaces}` },
    spec: { hosts: [hostOf(index)], http },
  };
}

function destinationRule(index: number, branches: number): JsonObject {
  const subsets = [
    { name: 'master', labels: { version: 'master' } },
    ...Array.from({ length: branches }, (_, branch) => ({
      name: `ops-${branch}`,
      labels: { version: `OPS-${branch}` },
    })),
  ];
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: `service-${index}`, namespace: `ns-${index % namespaces}` },
    spec: { host: hostOf(index), subsets },
  };
}

const checkedObjects = 1000;
const checkedRoutes = 20;
const runs = 5;

/** The time of the process, less that of one with nothing to check. */
async function checks({ folder, bundle }: Site): Promise<string> {
  const all = Array.from({ length: checkedObjects }, (_, index) => index);
  const sets: Readonly<Record<string, readonly JsonObject[]>> = {
    nothing: [],
    'matched exactly': all.map((index) => virtualService(index, checkedRoutes - 1, exactly)),
    'matched by regex': all.map((index) => virtualService(index, checkedRoutes - 1, byRegex)),
    'matched exactly, with their DestinationRules': all.flatMap((index) => [
      virtualService(index, checkedRoutes - 1, exactly),
      destinationRule(index, checkedRoutes - 1),
    ]),
  };
  const rows: Row[] = [];
  let start = 0;
  for (const [name, objects] of Object.entries(sets)) {
    const file = join(folder, 'checked', `${name.replaceAll(/\W+/g, '-')}.yaml`);
    await mkdir(join(folder, 'checked'), { recursive: true });
    const text = objects.map((object) => stringify(object, { aliasDuplicateObjects: false })).join('---\n');
    await writeFile(file, text);
    const times: Times[] = [];
    for (let run = 0; run < runs; run++)
      times.push(await timeOf([bundle, 'check', '-f', file, '-o', 'json']));
    const cpu = median(times.map(({ cpuMs }) => cpuMs));
    if (objects.length === 0) start = cpu;
    const after = cpu - start;
    rows.push({
      what: name,
      MB: round(text.length / 1e6, 1),
      'clock ms': round(median(times.map(({ clockMs }) => clockMs))),
      'processor ms': round(cpu),
      'after start': objects.length === 0 ? '' : round(after),
      goal: objects.length === 0 ? '' : `<= ${goals.checkMs} ms`,
      '': objects.length === 0 ? '' : verdict(after <= goals.checkMs),
    });
  }
  return toTable(
    `branchline check of ${checkedObjects} VirtualServices with ${checkedRoutes} routes each, in one YAML file, median of ${runs}`,
    rows,
  );
}

interface Times {
  readonly clockMs: number;
  /** Of all threads, those that collect garbage and compile included. */
  readonly cpuMs: number;
}

/** Loaded before the program: says in the end what its process used. */
const usage = `data:text/javascript,${encodeURIComponent("import { writeSync } from 'node:fs'; process.on('exit', () => { const { user, system } = process.cpuUsage(); writeSync(2, `used ${user + system}\\n`); });")}`;

async function timeOf(args: readonly string[]): Promise<Times> {
  const started = performance.now();
  // Warnings are no failure; an exit code of 1 would be.
  const { stderr } = await promisify(execFile)(process.execPath, ['--import', usage, ...args], {
    maxBuffer: 1 << 30,
  });
  return { clockMs: performance.now() - started, cpuMs: Number(/used (\d+)/.exec(stderr)?.[1]) / 1000 };
}

const knownRoutes = 5000;
const rounds = 2000;

/** In this process; each review is decoded anew, as those that arrive are. */
function admissions(): string {
  const loaded = loadSettings({ flags: {}, environment: {} });
  if ('problems' in loaded) throw new Error('the default settings are not valid');
  const known = Array.from({ length: knownRoutes }, (_, index) => [
    virtualService(index, 4, exactly),
    destinationRule(index, 4),
  ]).flat();
  const facts = { settings: loaded.settings, snapshot: snapshotOf(known) };
  const kinds: Readonly<Record<string, (index: number) => JsonObject>> = {
    '5 routes, exact': (index) => virtualService(index, 4, exactly),
    '5 routes, regex': (index) => virtualService(index, 4, byRegex),
    '20 routes, exact': (index) => virtualService(index, 19, exactly),
    '20 routes, regex': (index) => virtualService(index, 19, byRegex),
  };
  return toTable(
    `Admission of a VirtualService among ${knownRoutes} others and their DestinationRules, ${rounds} each`,
    Object.entries(kinds).map(([what, make]) => {
      const before = process.cpuUsage();
      const times = Array.from({ length: rounds }, (_, index) => {
        const review = reviewOf(make(index % knownRoutes));
        const started = performance.now();
        decide('/validate/routes', review, facts);
        return performance.now() - started;
      });
      const { user, system } = process.cpuUsage(before);
      const p99 = quantile(times, 0.99);
      return {
        what,
        'median ms': round(median(times), 2),
        'p99 ms': round(p99, 2),
        'slowest ms': round(Math.max(...times), 2),
        'processor, mean ms': round((user + system) / 1000 / rounds, 2),
        goal: `p99 <= ${goals.admissionMs} ms`,
        '': verdict(p99 <= goals.admissionMs),
      };
    }),
  );
}

function reviewOf(object: JsonObject): Review {
  const { name, namespace } = object['metadata'] as { readonly name: string; readonly namespace: string };
  const review = decodeReview({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'a',
      kind: { group: 'networking.istio.io', version: 'v1', kind: 'VirtualService' },
      operation: 'CREATE',
      name,
      namespace,
      object,
    },
  });
  if (typeof review === 'string') throw new Error(review);
  return review;
}
