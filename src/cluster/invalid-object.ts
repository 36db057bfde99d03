/** What makes a document no Kubernetes object: only what the API server would refuse, too, whatever the kind. */
import { at, isObject, objectAt, textAt, type JsonObject } from '../model/json.ts';
import { quote } from '../model/problem.ts';

/** Returns why a value is no object that a cluster could hold; undefined when it may be one. */
export function invalidObjectReason(value: unknown): string | undefined {
  if (!isObject(value))
    return 'The document is no Kubernetes object: write a mapping with apiVersion, kind and metadata.';
  for (const key of ['apiVersion', 'kind']) {
    if ((textAt(value, key) ?? '') === '')
      return `The object has no ${key}: every Kubernetes object needs one.`;
  }
  for (const key of ['name', 'namespace', 'generateName']) {
    const fault = nonTextReason(at(value, 'metadata', key), `metadata.${key}`);
    if (fault !== undefined) return fault;
  }
  return (
    nonTextInMap(value, 'metadata', 'labels') ??
    nonTextInMap(value, 'metadata', 'annotations') ??
    nonTextInMap(value, 'spec', 'template', 'metadata', 'labels')
  );
}

function nonTextInMap(object: JsonObject, ...path: readonly string[]): string | undefined {
  for (const [key, value] of Object.entries(objectAt(object, ...path))) {
    const fault = nonTextReason(value, `${path.join('.')}[${key}]`);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function nonTextReason(value: unknown, path: string): string | undefined {
  if (value === undefined || value === null || typeof value === 'string') return undefined;
  const written = JSON.stringify(value);
  return typeof value === 'object'
    ? `${path} must be text, not ${quote(written)}.`
    : `${path} must be text, not ${written}: write it in quotes, "${written}".`;
}
