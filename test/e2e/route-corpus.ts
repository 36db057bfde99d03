/** Route objects for a real API server and a real mesh: those of the golden cases, and the patterns that real readers judged. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { at, isObject, listAt, objectAt, textAt, type JsonObject } from '../../src/model/json.ts';
import { problemKinds, type ProblemCode } from '../../src/model/problem.ts';
import { judge } from '../../src/regex/judge.ts';

const cases = join(import.meta.dirname, '../cases');

/** One object, in a namespace of its own so that none is in another's way. */
export interface CorpusObject {
  /** Of the golden case. */
  readonly name: string;
  readonly namespace: string;
  readonly object: JsonObject;
  /** The problem that the golden case is about, when it is about one; those named `passes` do not have it. */
  readonly code: ProblemCode | undefined;
  readonly passes: boolean;
}

/** Reads the objects of the golden cases that are created; where a case has a cluster, that is left out. */
export function goldenObjects(): readonly CorpusObject[] {
  const files = readdirSync(join(cases, 'admission/routes'))
    .filter((name) => name.endsWith('.in.yaml'))
    .sort();
  return files.flatMap((file, index) => {
    const text = readFileSync(join(cases, 'admission/routes', file), 'utf8');
    const namespace = `c${index}`;
    const given: unknown = parse(text.replaceAll('ww-green', namespace));
    const object = objectAt(given, 'object');
    // A null in a list is for `check`, which reads files: the CRDs let none in.
    if (
      at(given, 'operation') !== undefined ||
      !isObject(at(given, 'object')) ||
      listAt(object, 'spec', 'http').includes(null)
    )
      return [];
    const name = file.slice(0, -'.in.yaml'.length);
    const metadata = { ...objectAt(object, 'metadata'), namespace, name: name.toLowerCase() };
    return [
      {
        name,
        namespace,
        object: { ...object, metadata },
        code: (Object.keys(problemKinds) as ProblemCode[]).find((code) => name.startsWith(`${code}-`)),
        passes: name.slice(6).startsWith('passes-'),
      },
    ];
  });
}

const patternsInObject = 40;

/** The host of a VirtualService that {@link patternObjects} makes. */
export const patternNamespace = 'patterns';

/** Returns VirtualServices whose routes match a header by the patterns that every reader takes, as we judge them; and these patterns. */
export function patternObjects(): {
  readonly objects: readonly JsonObject[];
  readonly patterns: readonly string[];
} {
  const lines = readFileSync(join(cases, 'regex/corpus.jsonl'), 'utf8').trimEnd().split('\n');
  const patterns = [
    ...new Set(
      lines
        .map((line) => textAt(JSON.parse(line), 'pattern') ?? '')
        .filter((pattern) => judge(pattern).accepted),
    ),
  ];
  const groups = Array.from({ length: Math.ceil(patterns.length / patternsInObject) }, (_, at) =>
    patterns.slice(at * patternsInObject, (at + 1) * patternsInObject),
  );
  return {
    patterns,
    objects: groups.map((group, index) => {
      const host = `patterns-${index}.example.io`;
      const branches = group.map((regex) => ({
        match: [{ headers: { 'x-any': { regex } } }],
        route: [{ destination: { host } }],
      }));
      return {
        apiVersion: 'networking.istio.io/v1',
        kind: 'VirtualService',
        metadata: { name: `patterns-${index}`, namespace: patternNamespace },
        spec: { hosts: [host], http: [...branches, { route: [{ destination: { host } }] }] },
      };
    }),
  };
}
