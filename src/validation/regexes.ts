/** Where the regexes of a route object are. */
import { at, isObject, listAt, objectAt, textAt, type JsonObject } from '../model/json.ts';
import { memoize } from '../model/memoize.ts';
import { shownName } from './finding.ts';

/** One regex as it stands in an object. */
export interface RouteRegex {
  /** Path of the field, e.g. `spec.http[0].match[1].headers[x-variant-id].regex`. */
  readonly path: string;
  readonly pattern: string;
  /** The field that holds it, whatever names its path has. */
  readonly field: 'authority' | 'withoutHeader' | 'rewrite' | 'other';
  /** `host`: matched against a host name. `path`: against a path, where dots are common. */
  readonly subject: 'host' | 'path' | 'other';
  /** `*` alone stands for presence. */
  readonly mayBeStar: boolean;
}

type Subject = RouteRegex['subject'];

/** Lists the regexes of a VirtualService, HTTPRoute or GRPCRoute; none for other kinds. Garbage of any shape is passed over. The object is read once for all that ask. */
export function regexesOf(object: JsonObject): readonly RouteRegex[] {
  return memoize(object, readAll);
}

function readAll(object: JsonObject): readonly RouteRegex[] {
  return [...read(object)];
}

function* read(object: JsonObject): Generator<RouteRegex> {
  const kind = textAt(object, 'kind');
  if (kind === 'VirtualService') yield* ofVirtualService(object);
  else if (kind === 'HTTPRoute' || kind === 'GRPCRoute') yield* ofGatewayRoute(object);
}

const stringMatches: readonly (readonly [string, Subject])[] = [
  ['uri', 'path'],
  ['scheme', 'other'],
  ['method', 'other'],
  ['authority', 'host'],
];
const matchMaps = ['headers', 'withoutHeaders', 'queryParams'] as const;

function* ofVirtualService(object: JsonObject): Generator<RouteRegex> {
  for (const [index, http] of listAt(object, 'spec', 'http').entries()) {
    const path = `spec.http[${index}]`;
    for (const [place, match] of listAt(http, 'match').entries())
      yield* ofMatch(match, `${path}.match[${place}]`);
    for (const [place, origin] of listAt(http, 'corsPolicy', 'allowOrigins').entries())
      yield* regexAt(origin, 'regex', { path: `${path}.corsPolicy.allowOrigins[${place}]`, subject: 'host' });
    yield* regexAt(at(http, 'rewrite', 'uriRegexRewrite'), 'match', {
      path: `${path}.rewrite.uriRegexRewrite`,
      subject: 'path',
      field: 'rewrite',
    });
  }
}

function* ofMatch(match: unknown, path: string): Generator<RouteRegex> {
  for (const [field, subject] of stringMatches)
    yield* regexAt(at(match, field), 'regex', {
      path: `${path}.${field}`,
      subject,
      field: field === 'authority' ? field : 'other',
    });
  for (const field of matchMaps) {
    for (const [name, value] of Object.entries(objectAt(match, field))) {
      const subject = /^(?::authority|host)$/i.test(name) ? 'host' : 'other';
      yield* regexAt(value, 'regex', {
        path: `${path}.${field}[${shownName(name)}]`,
        subject,
        field: field === 'withoutHeaders' ? 'withoutHeader' : 'other',
        mayBeStar: field === 'withoutHeaders',
      });
    }
  }
}

interface Place {
  readonly path: string;
  readonly subject: Subject;
  readonly field?: RouteRegex['field'];
  readonly mayBeStar?: boolean;
}

function* regexAt(
  holder: unknown,
  key: string,
  { path, subject, field = 'other', mayBeStar = false }: Place,
): Generator<RouteRegex> {
  const pattern = textAt(holder, key);
  if (pattern !== undefined) yield { path: `${path}.${key}`, pattern, field, subject, mayBeStar };
}

function* ofGatewayRoute(object: JsonObject): Generator<RouteRegex> {
  for (const [index, rule] of listAt(object, 'spec', 'rules').entries()) {
    for (const [place, match] of listAt(rule, 'matches').entries())
      yield* ofRouteMatch(match, `spec.rules[${index}].matches[${place}]`);
  }
}

function* ofRouteMatch(match: unknown, path: string): Generator<RouteRegex> {
  yield* typedRegex(at(match, 'path'), ['value'], { path: `${path}.path`, subject: 'path' });
  yield* typedRegex(at(match, 'method'), ['service', 'method'], { path: `${path}.method`, subject: 'path' });
  for (const field of ['headers', 'queryParams']) {
    for (const [place, item] of listAt(match, field).entries())
      yield* typedRegex(item, ['value'], { path: `${path}.${field}[${place}]`, subject: 'other' });
  }
}

function* typedRegex(item: unknown, keys: readonly string[], place: Place): Generator<RouteRegex> {
  if (!isObject(item) || textAt(item, 'type') !== 'RegularExpression') return;
  for (const key of keys) yield* regexAt(item, key, place);
}
