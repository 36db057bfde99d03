/** The fields of VirtualService, DestinationRule, HTTPRoute and GRPCRoute at each level, for manifests that no API server has pruned yet. Same in every served version. */
import { distance } from '../model/distance.ts';
import { isObject, textAt, type JsonObject } from '../model/json.ts';
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

/** Kind → its shape, unpacked when the first object of it is looked at. */
const shapes = new Map<string, Shape>();

function shapeOf(kind: string): Shape | undefined {
  const packed = Object.hasOwn(packedFields, kind) ? packedFields[kind] : undefined;
  if (packed === undefined) return undefined;
  const shape = shapes.get(kind) ?? { fields: { apiVersion: open, kind: open, metadata: open, status: open, spec: unpack(packed) } };
  shapes.set(kind, shape);
  return shape;
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
  if (outer !== undefined) outer.fields[outer.name] = token === '}' ? { mapOf: isOpen ? open : { fields: inner } } : { fields: inner };
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
  return known === undefined ? [] : [...walk(manifest, known, '')].map(({ path, key, fields }) => unknownField(path, key, fields, api));
}

function* walk(value: unknown, known: Shape, path: string): Generator<Unknown> {
  if (Array.isArray(value)) {
    for (const [index, member] of value.entries()) yield* walk(member, known, `${path}[${index}]`);
    return;
  }
  if (!isObject(value)) return;
  const { fields, mapOf } = known;
  if (mapOf !== undefined) for (const [key, inner] of Object.entries(value)) yield* walk(inner, mapOf, `${path}[${shownName(key)}]`);
  else if (fields !== undefined) yield* walkFields(value, fields, path);
}

function* walkFields(value: JsonObject, fields: Readonly<Record<string, Shape>>, path: string): Generator<Unknown> {
  for (const [key, inner] of Object.entries(value)) {
    const place = `${path}${path === '' ? '' : '.'}${shownName(key)}`;
    const next = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (next !== undefined) yield* walk(inner, next, place);
    else if (!removedFieldNames.has(key)) yield { path: place, key, fields: Object.keys(fields) };
  }
}

function unknownField(path: string, key: string, fields: readonly string[], api: string): Problem {
  const meant = nearest(key, fields);
  const fix = meant === undefined ? `fields here are ${fields.slice(0, 12).join(', ')}${fields.length > 12 ? ', ...' : ''}` : `did you mean ${meant}?`;
  return { code: 'BL240', path, message: `${path}: ${quote(key)} is no field of the ${api}, and the API server drops it or refuses the object`, fix };
}

function nearest(key: string, fields: readonly string[]): string | undefined {
  const lower = key.toLowerCase().replaceAll(/[-_]/g, '');
  if (lower.length < 3 || lower.length > 40) return undefined;
  const limit = lower.length < 5 ? 1 : 2;
  return fields.map((name) => ({ name, distance: distance(lower, name.toLowerCase()) })).filter((one) => one.distance <= limit).sort((a, b) => a.distance - b.distance)[0]?.name;
}
