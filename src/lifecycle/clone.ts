/** A branch of a service from its baseline: what `branchline deploy` applies. In: the baseline as the API server has it. Out: a manifest, without anything that is the baseline's own. */
import type { Settings } from '../config/settings.ts';
import { hashOf, type Branch } from '../model/branch.ts';
import {
  at,
  isObject,
  labelsAt,
  listAt,
  objectAt,
  textAt,
  type JsonObject,
  type Labels,
} from '../model/json.ts';
import { fullKey, keyPrefix } from '../model/keys.ts';
import { quote } from '../model/problem.ts';

/** What of a branch differs from its baseline. */
export interface CloneOptions {
  readonly branch: Branch;
  readonly service: string;
  /** Name of the workload that the branch has already: it is changed, not doubled. */
  readonly name: string | undefined;
  /** Images as `image`, or `container=image`; empty: the baseline's, with the branch's tag. */
  readonly images: readonly string[];
  /** Tag of the image; undefined: by `imageTag`. */
  readonly tag: string | undefined;
  /** `NAME=value`, or `container:NAME=value`. */
  readonly env: readonly string[];
  readonly replicas: number;
  readonly ttl: string | undefined;
  /** Whose it is; undefined: nobody is named. */
  readonly owner: string | undefined;
  readonly settings: Settings;
}

/** The manifest, or why there is none. */
export type Cloned = { readonly object: JsonObject } | { readonly problem: string };

/** Who made or follows an object: a copy is nobody's but ours. */
const ownership = [
  /^(?:meta\.)?helm\.sh\//,
  /^(?:helm|kustomize)\.toolkit\.fluxcd\.io\//,
  /^argocd\.argoproj\.io\//,
  /^rollout\.argoproj\.io\//,
  /^kubectl\.kubernetes\.io\//,
  /^deployment\.kubernetes\.io\//,
  /^app\.kubernetes\.io\/(?:managed-by|instance)$/,
  /^objectset\.rio\.cattle\.io\//,
];
/** A pod name of a StatefulSet and its hash are a label value together. @see https://github.com/kubernetes/kubernetes/issues/64023 */
const nameLimit = 52;

/** Clones a baseline as a branch. */
export function cloneBaseline(baseline: JsonObject, options: CloneOptions): Cloned {
  const template = objectAt(baseline, 'spec', 'template');
  const containers = listAt(template, 'spec', 'containers').filter(isObject);
  const changed = changeContainers(containers, options);
  if (typeof changed === 'string') return { problem: changed };
  return {
    object: {
      apiVersion: at(baseline, 'apiVersion'),
      kind: at(baseline, 'kind'),
      metadata: metadataOf(baseline, options),
      spec: { ...specOf(baseline, options), template: templateOf(template, changed, options) },
    },
  };
}

/** Returns the name of a branch's workload: the baseline's, without its version, and the branch's host label; at most 52 characters. */
function cloneName(baseline: string, { host }: Branch, version: string): string {
  const stem = baseline.endsWith(`-${version}`) ? baseline.slice(0, -version.length - 1) : baseline;
  const whole = `${stem}-${host}`;
  if (whole.length <= nameLimit) return whole.replace(/-+$/, '');
  return `${whole.slice(0, nameLimit - 9).replace(/[-.]+$/, '')}-${hashOf(whole)}`;
}

function metadataOf(
  baseline: JsonObject,
  { branch, service, name, ttl, owner, settings }: CloneOptions,
): JsonObject {
  const annotations = kept(
    labelsAt(baseline, 'metadata', 'annotations'),
    (key) => !key.startsWith(keyPrefix) && key !== settings.ownerAnnotation,
  );
  const propagation = kept(labelsAt(baseline, 'metadata', 'annotations'), (key) =>
    [fullKey('propagate'), fullKey('containers'), fullKey('inject')].includes(key),
  );
  const version =
    labelsAt(baseline, 'spec', 'template', 'metadata', 'labels')[settings.versionLabel] ?? settings.baseline;
  return {
    name: name ?? cloneName(textAt(baseline, 'metadata', 'name') ?? service, branch, version),
    namespace: textAt(baseline, 'metadata', 'namespace') ?? '',
    labels: { ...kept(labelsAt(baseline, 'metadata', 'labels')), [settings.versionLabel]: branch.id },
    annotations: {
      ...annotations,
      ...propagation,
      [fullKey('branch')]: branch.name,
      [fullKey('service')]: service,
      ...(ttl === undefined ? {} : { [fullKey('ttl')]: ttl }),
      ...(owner === undefined ? {} : { [settings.ownerAnnotation]: owner }),
    },
  };
}

function kept(labels: Labels, also: (key: string) => boolean = () => true): Labels {
  return Object.fromEntries(
    Object.entries(labels).filter(([key]) => also(key) && !ownership.some((pattern) => pattern.test(key))),
  );
}

/**
 * Everything of the spec but its selector's version and the number of pods; volumes that a StatefulSet claims for the branch go with it. A Rollout's strategy names the
 * Services and routes of the baseline, which a branch must not move: without steps it is a rolling update. @see https://argo-rollouts.readthedocs.io/en/stable/features/canary/
 */
function specOf(baseline: JsonObject, { branch, replicas, settings }: CloneOptions): JsonObject {
  const spec = objectAt(baseline, 'spec');
  const expressions = listAt(spec, 'selector', 'matchExpressions').filter(
    (expression) => textAt(expression, 'key') !== settings.versionLabel,
  );
  const matchLabels = { ...labelsAt(spec, 'selector', 'matchLabels'), [settings.versionLabel]: branch.id };
  return {
    ...spec,
    replicas,
    paused: undefined,
    ...(textAt(baseline, 'kind') === 'Rollout' ? { strategy: { canary: {} } } : {}),
    selector: { matchLabels, ...(expressions.length > 0 ? { matchExpressions: expressions } : {}) },
    ...(listAt(spec, 'volumeClaimTemplates').length > 0
      ? { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Retain' } }
      : {}),
  };
}

function templateOf(
  template: JsonObject,
  containers: readonly JsonObject[],
  { branch, settings }: CloneOptions,
): JsonObject {
  const labels = Object.fromEntries(
    Object.entries(labelsAt(template, 'metadata', 'labels')).filter(
      ([key]) => key !== 'pod-template-hash' && key !== 'rollouts-pod-template-hash',
    ),
  );
  const annotations = kept(labelsAt(template, 'metadata', 'annotations'));
  return {
    ...template,
    metadata: {
      labels: { ...labels, [settings.versionLabel]: branch.id },
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
    spec: { ...objectAt(template, 'spec'), containers },
  };
}

/** Gives the main container (or those that are named) their images and variables. @returns what is wrong, where something is. */
function changeContainers(
  containers: readonly JsonObject[],
  options: CloneOptions,
): readonly JsonObject[] | string {
  const main =
    containers.find(
      (container) => !options.settings.proxyContainers.includes(textAt(container, 'name') ?? ''),
    ) ?? containers[0];
  if (main === undefined) return 'its baseline has no containers of its own (a Rollout with workloadRef?)';
  const mainName = textAt(main, 'name') ?? '';
  const images = assignments(options.images, /^(?:([a-z0-9-]+)=)?([^=]+)$/, mainName);
  const env = assignments(options.env, /^(?:([a-z0-9-]+):)?([A-Za-z_.-][A-Za-z0-9_.-]*=[^]*)$/, mainName);
  if (typeof images === 'string') return `--image ${images}: write an image, or container=image`;
  if (typeof env === 'string') return `--env ${env}: write NAME=value, or container:NAME=value`;
  const names = containers.map((container) => textAt(container, 'name') ?? '');
  const unknown = [...images, ...env].find(([container]) => !names.includes(container));
  if (unknown !== undefined) return `there is no container ${quote(unknown[0])}; it has ${names.join(', ')}`;
  return containers.map((container) =>
    changeContainer(container, { images, env, isMain: container === main, options }),
  );
}

type Assignments = readonly (readonly [container: string, value: string])[];

function assignments(texts: readonly string[], pattern: RegExp, main: string): Assignments | string {
  const found: (readonly [string, string])[] = [];
  for (const text of texts) {
    const [, container = main, value] = pattern.exec(text) ?? [];
    if (value === undefined) return quote(text);
    found.push([container, value]);
  }
  return found;
}

function changeContainer(
  container: JsonObject,
  {
    images,
    env,
    isMain,
    options,
  }: {
    readonly images: Assignments;
    readonly env: Assignments;
    readonly isMain: boolean;
    readonly options: CloneOptions;
  },
): JsonObject {
  const name = textAt(container, 'name') ?? '';
  const image =
    images.find(([wanted]) => wanted === name)?.[1] ??
    (isMain && images.length === 0
      ? withTag(textAt(container, 'image') ?? '', options)
      : textAt(container, 'image'));
  const variables = new Map(
    env
      .filter(([wanted]) => wanted === name)
      .map(([, text]) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)] as const),
  );
  const changed = withVariables(listAt(container, 'env'), variables);
  return { ...container, image, ...(changed.length > 0 ? { env: changed } : {}) };
}

/** Each keeps its place: `$(NAME)` sees only what stands before it. New ones come last. */
function withVariables(env: readonly unknown[], variables: ReadonlyMap<string, string>): readonly unknown[] {
  const changed = env.map((variable) => {
    const value = variables.get(textAt(variable, 'name') ?? '');
    return value === undefined ? variable : { name: textAt(variable, 'name'), value };
  });
  const there = new Set(env.map((variable) => textAt(variable, 'name')));
  return [
    ...changed,
    ...[...variables].filter(([name]) => !there.has(name)).map(([name, value]) => ({ name, value })),
  ];
}

/** Replaces tag and digest of an image. A colon before the last slash is a registry's port. */
function withTag(image: string, { tag, branch, settings }: CloneOptions): string {
  const plain = image.split('@')[0] ?? image;
  const colon = plain.indexOf(':', plain.lastIndexOf('/') + 1);
  const [repository, current] =
    colon < 0 ? [plain, 'latest'] : [plain.slice(0, colon), plain.slice(colon + 1)];
  const named = settings.imageTag
    .replaceAll('{branch}', branch.id)
    .replaceAll('{host}', branch.host)
    .replaceAll('{baseline}', current);
  return `${repository}:${tag ?? named}`;
}
