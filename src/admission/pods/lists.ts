/** Edits of the lists and annotations of a container or pod: members are found by name, kept where they stand, and added once. */
import { at, labelsAt, listAt, textAt, type JsonObject } from '../../model/json.ts';
import { withValue } from '../json-patch.ts';

/** Returns the variable of a name that counts (the last one, where it stands twice), and its index; -1 when there is none. */
export function variableOf(
  container: JsonObject,
  name: string,
): { readonly index: number; readonly variable: unknown } {
  const env = listAt(container, 'env');
  const index = env.findLastIndex((variable) => textAt(variable, 'name') === name);
  return { index, variable: env[index] };
}

/** Tells whether a variable's value comes from elsewhere, and so is not ours to see. */
export function isFromElsewhere(variable: unknown): boolean {
  return (at(variable, 'valueFrom') ?? null) !== null;
}

/** Appends a variable, unless one of that name is there: what a container sets itself is its own affair. */
export function withVariable(container: JsonObject, name: string, value: string): JsonObject {
  return variableOf(container, name).index >= 0 ? container : withMember(container, ['env'], { name, value });
}

/** Appends a member to a list, which is made when it is missing or null. */
export function withMember(object: JsonObject, path: readonly string[], member: JsonObject): JsonObject {
  const listed = withList(object, path);
  return withValue(listed, [...path, listAt(listed, ...path).length], member);
}

/** Puts a member in front of a list, which is made when it is missing or null. */
export function withFirstMember(object: JsonObject, path: readonly string[], member: unknown): JsonObject {
  return withValue(object, path, [member, ...listAt(object, ...path)]);
}

function withList(object: JsonObject, path: readonly string[]): JsonObject {
  return (at(object, ...path) ?? null) === null ? withValue(object, path, []) : object;
}

/** Annotations of one object, keys and values together, in bytes. @see https://github.com/kubernetes/apimachinery/blob/master/pkg/api/validation/objectmeta.go (TotalAnnotationSizeLimitB) */
const annotationsLimitBytes = 256 * 1024;
/** UTF-8 bytes of a UTF-16 unit, at most. */
const bytesOfUnit = 3;

/** Sets an annotation, unless the API server could refuse the object for having too much of them. */
export function withAnnotation(object: JsonObject, key: string, value: string): JsonObject {
  const others = Object.entries(labelsAt(object, 'metadata', 'annotations')).filter(
    ([other]) => other !== key,
  );
  const units = [...others, [key, value] as const].reduce(
    (sum, [name, text]) => sum + name.length + text.length,
    0,
  );
  return units * bytesOfUnit > annotationsLimitBytes
    ? object
    : withValue(object, ['metadata', 'annotations', key], value);
}
