/** The server's look at itself: a ConfigMap that the server creates as a dry run, to see it come back changed, or refused, by way of the API server. */
import { labelsAt, objectAt, textAt, type JsonObject } from '../model/json.ts';
import { probedAnnotation, probeLabel, probeRefusalKey, probeRefusalReason } from '../model/keys.ts';
import { allow, type Decision } from './decision.ts';
import type { Review } from './review.ts';

/** Returns the ConfigMap with our annotation; anything that is no probe as it is. */
export function mutateProbe(object: JsonObject): JsonObject {
  const label = labelsAt(object, 'metadata', 'labels')[probeLabel];
  if (label === undefined) return object;
  return {
    ...object,
    metadata: {
      ...objectAt(object, 'metadata'),
      annotations: { ...objectAt(object, 'metadata', 'annotations'), [probedAnnotation]: label },
    },
  };
}

/** Refuses a probe that asks for it, and nothing else. */
export function validateProbe({ object }: Review): Decision {
  const asks =
    labelsAt(object, 'metadata', 'labels')[probeLabel] !== undefined &&
    textAt(object, 'data', probeRefusalKey) === 'true';
  return asks
    ? {
        outcome: 'denied',
        code: 403,
        reason: probeRefusalReason,
        message: 'branchline: refused as the probe asked',
        warnings: [],
        problems: [],
      }
    : allow();
}
