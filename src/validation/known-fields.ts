/** The fields of VirtualService, DestinationRule, HTTPRoute and GRPCRoute at each level, for manifests that no API server has pruned yet. Same in every served version. */
import { distance } from '../model/distance.ts';
import { textAt, type JsonObject } from '../model/json.ts';
import { memoize } from '../model/memoize.ts';
import { quote, type Problem } from '../model/problem.ts';
import { packedFields } from './field-data.ts';
import { shownName } from './finding.ts';
import { removedFieldNames } from './virtual-service-object.ts';

/** Known fields of a mapping: the shape of each field's value (of each member, for a list). `open`: any value; `mapOf`: any keys. */
interface Shape {
  readonly fields?: Readonly<Record<string, Shape>>;
  readonly mapOf?: Shape;
}

const open: Shape = {};

/** Returns the shape of a kind, unpacked when the first object of it is looked at. */
function shapeOf(kind: string): Shape | undefined {
  return Object.hasOwn(packedFields, kind) ? memoize(packedFields, unpackKind, kind) : undefined;
}

function unpackKind(packed: typeof packedFields, kind: string): Shape {
  const spec = unpack(packed[kind] ?? '');
  return { fields: { apiVersion: open, kind: open, metadata: open, status: open, spec } };
}

/** `a b(c d) e{f}`: fields a, b with fields c and d, and e with any keys, each with a field f. */
function unpack(packed: string): Shape {
  const stack: { readonly fields: Record<string, Shape>; name: string }[] = [{ fields: {}, name: '' }];
  for (const [token] of packed.matchAll(/[(){}]|[^(){} ]+/g)) {
    const top = stack.at(-1) ?? { fields: {}, name: '' };
    if (token === '(' || token === '{') stack.push({ fields: {}, name: '' });
    else if (token === ')' || token === '}') close(stack, token);
    else {
      top.fields[token] = open;
      top.name = token;
    }
  }
  return { fields: stack[0]?.fields ?? {} };
}

/** A mapping with any keys and open values is written `{}`. */
function close(stack: { readonly fields: Record<string, Shape>; name: string }[], token: string): void {
  const inner = stack.pop()?.fields ?? {};
  const outer = stack.at(-1);
  const isOpen = Object.keys(inner).length === 0;
  if (outer !== undefined)
    outer.fields[outer.name] =
      token === '}' ? { mapOf: isOpen ? open : { fields: inner } } : { fields: inner };
}

/** A field that is not known, and those that are in its place. */
interface Unknown {
  readonly path: string;
  readonly key: string;
  readonly fields: readonly string[];
}

/** Finds fields that the Istio API and the Gateway API do not have: an API server drops them without a word, or refuses them. Kinds other than routes have none. */
export function unknownFields(manifest: JsonObject): readonly Problem[] {
  const known = shapeOf(textAt(manifest, 'kind') ?? '');
  const api = (textAt(manifest, 'apiVersion') ?? '').startsWith('gateway.') ? 'Gateway API' : 'Istio API';
  const found: Unknown[] = [];
  if (known !== undefined) walk(manifest, known, '', found);
  return found.map(({ path, key, fields }) => unknownField(path, key, fields, api));
}

/** What a walk collects. An array, not a generator: most of the time of a check is spent here otherwise. */
function walk(value: unknown, known: Shape, path: string, found: Unknown[]): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) walk(value[index], known, `${path}[${index}]`, found);
    return;
  }
  const { fields, mapOf } = known;
  if (mapOf !== undefined)
    for (const [key, inner] of Object.entries(value)) walk(inner, mapOf, `${path}[${shownName(key)}]`, found);
  else if (fields !== undefined) walkFields(value as JsonObject, fields, path, found);
}

function walkFields(
  value: JsonObject,
  fields: Readonly<Record<string, Shape>>,
  path: string,
  found: Unknown[],
): void {
  for (const key of Object.keys(value)) {
    const next = Object.hasOwn(fields, key) ? fields[key] : undefined;
    const inner = value[key];
    if (next === undefined && removedFieldNames.has(key)) continue;
    if (next !== undefined && (typeof inner !== 'object' || inner === null)) continue;
    const place = `${path}${path === '' ? '' : '.'}${shownName(key)}`;
    if (next === undefined) found.push({ path: place, key, fields: Object.keys(fields) });
    else walk(inner, next, place, found);
  }
}

function unknownField(path: string, key: string, fields: readonly string[], api: string): Problem {
  const meant = nearest(key, fields);
  const fix =
    meant === undefined
      ? `fields here are ${fields.slice(0, 12).join(', ')}${fields.length > 12 ? ', ...' : ''}`
      : `did you mean ${meant}?`;
  return {
    code: 'BL240',
    path,
    message: `${path}: ${quote(key)} is no field of the ${api}, and the API server drops it or refuses the object`,
    fix,
  };
}

function nearest(key: string, fields: readonly string[]): string | undefined {
  const lower = key.toLowerCase().replaceAll(/[-_]/g, '');
  if (lower.length < 3 || lower.length > 40) return undefined;
  const limit = lower.length < 5 ? 1 : 2;
  return fields
    .map((name) => ({ name, distance: distance(lower, name.toLowerCase()) }))
    .filter((one) => one.distance <= limit)
    .sort((a, b) => a.distance - b.distance)[0]?.name;
}
