/** Mutates workloads: a declared branch gets its labels, selector and declared routing; a baseline gets its version, never by an unasked rollout. */
import { at, labelsAt, listAt, textAt, type JsonObject } from '../model/json.ts';
import type { Branch } from '../model/branch.ts';
import { branchUrl } from '../model/exposure.ts';
import { isSameId } from '../model/branch.ts';
import { fullKey } from '../model/keys.ts';
import { lifetimeOf } from '../model/lifetime.ts';
import { baselineOf } from '../model/membership.ts';
import { servicesSelecting } from '../model/selection.ts';
import { inNamespace } from '../model/snapshot.ts';
import { isEqual } from '../model/equal.ts';
import { withValue } from './json-patch.ts';
import {
  hasTemplate,
  isInScope,
  liveBranch,
  readBranchReview,
  readWorkloadReview,
  type BranchReview,
  type Facts,
  type WorkloadReview,
} from './scope.ts';
import type { Review } from './review.ts';

/** An object after mutation, and what to tell its author. */
export interface Mutation {
  readonly after: JsonObject;
  readonly warnings: readonly string[];
}

/** Mutates a workload; undefined when it is none of ours. */
export function mutateWorkload(review: Review, facts: Facts): Mutation | undefined {
  const workload = readWorkloadReview(review, facts.snapshot);
  if (workload === undefined || !isInScope(workload)) return undefined;
  const { now, before } = workload;
  if (now.declared['branch'] === undefined && before?.declared['branch'] !== undefined)
    return keepWhatWeWrote(workload, facts);
  const branch = readBranchReview(workload, facts);
  if (branch !== undefined) return mutateBranch(workload, branch, facts);
  return now.declared['branch'] === undefined ? labelBaseline(workload, facts) : undefined;
}

/**
 * | CREATE | label, template label, selector, declared routing |
 * | UPDATE of the same branch, or of one that is not labelled yet | the same, but the live selector (it cannot change) |
 * | UPDATE that makes something else a branch, or another branch | nothing new: validation refuses it in words |
 * | without a pod template of its own | nothing: validation says so |
 */
function mutateBranch(workload: WorkloadReview, review: BranchReview, facts: Facts): Mutation | undefined {
  const { now, before } = workload;
  const { versionLabel } = facts.settings;
  if (!hasTemplate(workload.object)) return undefined;
  if (isSameId(review.branch.id, baselineOf(workload.namespace, serviceOf(review), facts.settings)))
    return undefined;
  if (now.declared['branch'] === undefined) return declare(workload, workload.object, review, facts);
  if (before === undefined)
    return declare(workload, createLabels(workload.object, review.branch, versionLabel), review, facts);
  const live = liveBranch(workload, facts);
  if (live === undefined && before.declared['branch'] === undefined) return undefined;
  if (live !== undefined && live.id !== review.branch.id) return keepWhatWeWrote(workload, facts);
  return declare(workload, updateLabels(workload, review.branch, versionLabel), review, facts);
}

function createLabels(object: JsonObject, branch: Branch, versionLabel: string): JsonObject {
  const labelled = setLabels(object, branch.id, versionLabel);
  if (at(labelled, 'spec', 'selector') === undefined) return labelled;
  const selected = withValue(labelled, ['spec', 'selector', 'matchLabels', versionLabel], branch.id);
  const expressions = listAt(selected, 'spec', 'selector', 'matchExpressions');
  const others = expressions.filter((expression) => textAt(expression, 'key') !== versionLabel);
  if (others.length === expressions.length) return selected;
  return withValue(
    selected,
    ['spec', 'selector', 'matchExpressions'],
    others.length > 0 ? others : undefined,
  );
}

/** The live selector goes back in; one that pins another version (admitted while we were away) leaves the pods as they are. */
function updateLabels(
  { object, oldObject }: WorkloadReview,
  branch: Branch,
  versionLabel: string,
): JsonObject {
  const restored = restoreSelector(object, oldObject);
  const pinned = labelsAt(restored, 'spec', 'selector', 'matchLabels')[versionLabel] ?? branch.id;
  return pinned === branch.id ? setLabels(restored, branch.id, versionLabel) : restored;
}

function setLabels(object: JsonObject, id: string, versionLabel: string): JsonObject {
  const labelled = withValue(object, ['metadata', 'labels', versionLabel], id);
  return hasTemplate(labelled)
    ? withValue(labelled, ['spec', 'template', 'metadata', 'labels', versionLabel], id)
    : labelled;
}

function restoreSelector(object: JsonObject, oldObject: JsonObject | undefined): JsonObject {
  const live = at(oldObject, 'spec', 'selector');
  if (live === undefined || isEqual(live, at(object, 'spec', 'selector'))) return object;
  return withValue(object, ['spec', 'selector'], live);
}

/** The branch annotation went or changed: labels and selector of the live branch stay, so that the API server gets as far as our refusal. */
function keepWhatWeWrote(workload: WorkloadReview, facts: Facts): Mutation | undefined {
  const live = liveBranch(workload, facts);
  if (live === undefined) return undefined;
  return {
    after: setLabels(
      restoreSelector(workload.object, workload.oldObject),
      live.id,
      facts.settings.versionLabel,
    ),
    warnings: [],
  };
}

/** Writes the declared routing into annotations, for everyone to read, and says it to the author when it is new or the pods change. */
function declare(workload: WorkloadReview, object: JsonObject, review: BranchReview, facts: Facts): Mutation {
  const { settings } = facts;
  const { branch, choice } = review;
  const service = serviceOf(review);
  const kept = workload.before?.declared;
  const url =
    service === undefined || workload.namespace === undefined
      ? kept?.['url']
      : branchUrl(branch, service, workload.namespace, settings.urlScheme);
  const named = service?.name ?? (choice.found === 'none' ? choice.wanted : undefined);
  const written = { header: `${settings.routingHeader}: ${branch.id}`, url, service: named };
  const after = Object.entries(written).reduce(
    (current, [key, value]) => setAnnotation(current, key, value),
    withMetadataLabel(object, branch, settings.versionLabel),
  );
  return {
    after,
    warnings:
      service !== undefined && isNews(workload, after) ? [announce(branch, written, workload, facts)] : [],
  };
}

function withMetadataLabel(object: JsonObject, branch: Branch, versionLabel: string): JsonObject {
  return withValue(
    object,
    ['metadata', 'labels', versionLabel],
    labelsAt(object, 'metadata', 'labels')[versionLabel] ?? branch.id,
  );
}

/** Without facts nothing is taken away: what stands there was right when the facts were known. */
function setAnnotation(object: JsonObject, key: string, value: string | undefined): JsonObject {
  if (value === undefined && key !== 'url') return object;
  if (value === undefined && at(object, 'metadata', 'annotations', fullKey(key)) === undefined) return object;
  return withValue(object, ['metadata', 'annotations', fullKey(key)], value);
}

function isNews({ before, oldObject }: WorkloadReview, after: JsonObject): boolean {
  if (before === undefined) return true;
  const isSame = (path: readonly string[]): boolean => isEqual(at(oldObject, ...path), at(after, ...path));
  return (
    !isSame(['spec', 'template']) ||
    !['header', 'url', 'service'].every((key) => isSame(['metadata', 'annotations', fullKey(key)]))
  );
}

function announce(
  branch: Branch,
  written: { header: string; url: string | undefined; service: string | undefined },
  { now, namespace }: WorkloadReview,
  { settings }: Facts,
): string {
  const of = written.service === undefined ? branch.name : `${branch.name} of ${written.service}`;
  const where = written.url ?? `header ${written.header}`;
  const until =
    now.declared['keep'] === 'true' ? 'kept' : `expires in ${lifetimeOf(now, namespace, settings).text}`;
  return `branchline: ${of} -> ${where} once ready; ${until}`;
}

/**
 * A baseline's pods carry its name. A version that is there already is somebody's own business. On UPDATE the label is added only
 * when the pod template changes anyway; a manifest that never had it gets it back, under the name that the pods were given.
 */
function labelBaseline(workload: WorkloadReview, { settings, snapshot }: Facts): Mutation | undefined {
  const { object, oldObject, now, namespace } = workload;
  if (
    namespace === undefined ||
    !hasTemplate(object) ||
    now.templateLabels[settings.versionLabel] !== undefined
  )
    return undefined;
  const restored = restoreVersion(workload, settings.versionLabel);
  if (restored !== undefined) return { after: restored, warnings: [] };
  const [service] = servicesSelecting(inNamespace(snapshot.services, now.namespace), now.templateLabels);
  const baseline = baselineOf(namespace, service, settings);
  const unchanged =
    oldObject !== undefined && isEqual(at(object, 'spec', 'template'), at(oldObject, 'spec', 'template'));
  if (unchanged || !selectorTakes(object, settings.versionLabel, baseline)) return undefined;
  return { after: withValue(object, [...templateLabels, settings.versionLabel], baseline), warnings: [] };
}

const templateLabels = ['spec', 'template', 'metadata', 'labels'] as const;

/** Puts the live version back where an update drops nothing else: whatever the baseline is called by now, no pod has to go for that. */
function restoreVersion(
  { object, oldObject, before }: WorkloadReview,
  versionLabel: string,
): JsonObject | undefined {
  const lost = before?.templateLabels[versionLabel];
  const path = [...templateLabels, versionLabel];
  if (lost === undefined || isAuthors(oldObject, path)) return undefined;
  const restored = withValue(object, path, lost);
  return isEqual(at(restored, 'spec', 'template'), at(oldObject, 'spec', 'template')) ? restored : undefined;
}

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/** Tells whether a value stood in the manifest that `kubectl apply` sent last: leaving it out now is then meant. */
function isAuthors(object: JsonObject | undefined, path: readonly string[]): boolean {
  const manifest = textAt(object, 'metadata', 'annotations', lastApplied);
  if (manifest === undefined) return false;
  try {
    return at(JSON.parse(manifest) as unknown, ...path) !== undefined;
  } catch {
    return false;
  }
}

/** Tells whether a workload's selector still takes its pods once they carry the label; one that asks for pods without it would not. */
function selectorTakes(object: JsonObject, label: string, value: string): boolean {
  const selected = labelsAt(object, 'spec', 'selector', 'matchLabels')[label];
  if (selected !== undefined && selected !== value) return false;
  return listAt(object, 'spec', 'selector', 'matchExpressions')
    .filter((expression) => textAt(expression, 'key') === label)
    .every((expression) => {
      const isListed = listAt(expression, 'values').includes(value);
      const operator = textAt(expression, 'operator');
      return operator === 'Exists' || (operator === 'In' && isListed) || (operator === 'NotIn' && !isListed);
    });
}

function serviceOf({ choice }: BranchReview) {
  return choice.found === 'one' ? choice.service : undefined;
}
