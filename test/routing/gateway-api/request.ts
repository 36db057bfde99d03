/**
 * Who takes a request by objects of the Gateway API, by its rules and nothing of src/routing: the most specific host name, the longest path, the most header
 * conditions. What its rules leave to the age of objects is a tie, which is an answer of its own here.
 * @see https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule
 */
import { isObject, listAt, numberAt, textAt, type JsonObject } from '../../../src/model/json.ts';

export interface Asked {
  /** `namespace/name` of the Gateway, or of the Service and its port. */
  readonly parent: { readonly kind: 'Gateway' | 'Service'; readonly name: string; readonly port: number };
  readonly host: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
}

/** `none`: no route; `tie`: rules that differ are equally specific. */
export type Answer =
  | 'none'
  | 'unmatched'
  | 'tie'
  | { readonly namespace: string; readonly backend: string; readonly rule: JsonObject };

export function answerOf(objects: readonly JsonObject[], asked: Asked): Answer {
  const bound = objects.filter(
    (object) =>
      textAt(object, 'kind') !== 'Service' &&
      listAt(object, 'spec', 'parentRefs').some((parent) => isParent(parent, object, asked)),
  );
  const hosted = bound
    .map((object) => ({
      object,
      rank: hostRank(listAt(object, 'spec', 'hostnames').map(String), asked.host),
    }))
    .filter(({ rank }) => rank >= 0);
  if (hosted.length === 0) return 'none';
  const most = Math.max(...hosted.map(({ rank }) => rank));
  const taken = hosted
    .filter(({ rank }) => rank === most)
    .flatMap(({ object }) =>
      listAt(object, 'spec', 'rules')
        .filter(isObject)
        .flatMap((rule) =>
          matchesOf(rule)
            .filter((match) => takes(match, asked))
            .map((match) => ({
              object,
              rule,
              rank: [(textAt(match, 'path', 'value') ?? '').length, listAt(match, 'headers').length] as const,
            })),
        ),
    );
  if (taken.length === 0) return 'unmatched';
  const [first] = [...taken].sort((a, b) => b.rank[0] - a.rank[0] || b.rank[1] - a.rank[1]);
  if (first === undefined) return 'unmatched';
  const rivals = taken.filter(({ rank }) => rank[0] === first.rank[0] && rank[1] === first.rank[1]);
  if (new Set(rivals.map(({ rule }) => JSON.stringify([rule['backendRefs'], rule['filters']]))).size > 1)
    return 'tie';
  return {
    namespace: textAt(first.object, 'metadata', 'namespace') ?? '',
    backend: textAt(listAt(first.rule, 'backendRefs')[0], 'name') ?? '',
    rule: first.rule,
  };
}

function isParent(parent: unknown, object: JsonObject, { parent: { kind, name, port } }: Asked): boolean {
  const namespace = textAt(parent, 'namespace') ?? textAt(object, 'metadata', 'namespace') ?? '';
  return (
    textAt(parent, 'kind') === kind &&
    `${namespace}/${textAt(parent, 'name') ?? ''}` === name &&
    (kind === 'Gateway' || (numberAt(parent, 'port') ?? port) === port)
  );
}

/** Exact names before wildcards, longer wildcards before shorter ones; -1: the host is none of them. */
function hostRank(hostnames: readonly string[], host: string): number {
  if (hostnames.length === 0) return 0;
  return Math.max(
    ...hostnames.map((name) => {
      if (name === host) return 1000;
      return name.startsWith('*.') && host.endsWith(name.slice(1)) ? name.length : -1;
    }),
  );
}

function matchesOf(rule: JsonObject): readonly unknown[] {
  const matches = listAt(rule, 'matches');
  return matches.length === 0 ? [{}] : matches;
}

function takes(match: unknown, { path, headers }: Asked): boolean {
  const prefix = textAt(match, 'path', 'value') ?? '/';
  const isUnder = prefix === '/' || path === prefix || path.startsWith(`${prefix}/`);
  return (
    isUnder &&
    listAt(match, 'headers').every((one) => {
      const value = headers.find(([name]) => name.toLowerCase() === textAt(one, 'name'))?.[1];
      const wanted = textAt(one, 'value') ?? '';
      return (
        value !== undefined &&
        (textAt(one, 'type') === 'Exact' ? value === wanted : new RegExp(`^(?:${wanted})$`).test(value))
      );
    })
  );
}

/** Returns the routing header as the service sees it. */
export function headerAfter(rule: JsonObject, before: string | undefined, name: string): string | undefined {
  const filter = listAt(rule, 'filters').find((one) => textAt(one, 'type') === 'RequestHeaderModifier');
  const set = listAt(filter, 'requestHeaderModifier', 'set').find((one) => textAt(one, 'name') === name);
  if (set !== undefined) return textAt(set, 'value');
  return listAt(filter, 'requestHeaderModifier', 'remove').includes(name) ? undefined : before;
}
