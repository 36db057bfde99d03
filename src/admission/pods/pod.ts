/**
 * Mutates pods on CREATE: what carries a request's headers on is put into each chosen container, if it is certain not to stand in its way. Mirror pods, proxies,
 * ephemeral containers and every later change of a pod are left alone; a pod is never refused.
 */
import { textAt, type JsonObject } from '../../model/json.ts';
import type { Injection } from '../../model/injection.ts';
import { fullKey, mirrorPodAnnotation, emptyOptions, podAgentKey } from '../../model/keys.ts';
import { quote, type Problem } from '../../model/problem.ts';
import { inNamespace, namespaceOf, type Snapshot } from '../../model/snapshot.ts';
import { withValue } from '../json-patch.ts';
import { withReadinessGate } from '../readiness-gate.ts';
import type { Review } from '../review.ts';
import type { Facts } from '../scope.ts';
import { chooseContainers, type Placed } from './containers.ts';
import { deliveryFor, type Delivered } from './delivery.ts';
import { withAnnotation } from './lists.ts';
import { mountAgent } from './mount.ts';
import { preload, preloads } from './node-options.ts';
import { giveAll, giveEach, given, refused, type Gift, type Refusal } from './outcome.ts';
import { remoteFieldGifts, withAgentSettings, withBaggagePropagator } from './variables.ts';
import { declaredFor, ownerOf, wishesOf } from './wishes.ts';

/** A pod after mutation, and what its containers could not be given. */
export interface PodMutation {
  readonly after: JsonObject;
  readonly problems: readonly Problem[];
}

/** When a pod is as problems say: it starts now, or it would be made of a template later. */
type Tense = 'now' | 'planned';

/** Mutates a pod on CREATE in an enabled namespace; undefined when there is nothing to do. */
export function mutatePod(review: Review, facts: Facts, tense: Tense = 'now'): PodMutation | undefined {
  const { object: raw, namespace } = review;
  if (raw === undefined || !isOurs(review, raw, facts.snapshot)) return undefined;
  const object = withReadinessGate(raw, {
    ...facts,
    namespace,
    owner: ownerOf(raw),
    declared: declaredFor(raw, namespace, facts.snapshot),
  });
  return (
    inject(object, { namespace, facts, tense }) ??
    (object === raw ? undefined : { after: object, problems: [] })
  );
}

interface Injecting {
  readonly namespace: string;
  readonly facts: Facts;
  readonly tense: Tense;
}

function inject(object: JsonObject, { namespace, facts, tense }: Injecting): PodMutation | undefined {
  const wishes = wishesOf(object, namespace, facts.snapshot);
  const chosen = chooseContainers(object, wishes.containers, facts.settings.proxyContainers);
  const [model] = chosen.toSorted((a, b) => (a.list < b.list ? -1 : a.list > b.list ? 1 : 0));
  if (model === undefined || wishes.injections.length === 0) return undefined;
  const isDelivered = wishes.injections.includes('node') && facts.settings.agentDelivery !== 'none';
  const delivered = isDelivered ? deliveryFor(object, namespace, facts, model.container) : undefined;
  const gifts = giftsOf(wishes.injections, { namespace, facts, delivered });
  return report(give(object, chosen, gifts, tense), delivered);
}

function isOurs(
  { kind, operation, subResource, namespace }: Review,
  pod: JsonObject,
  snapshot: Snapshot,
): boolean {
  if (kind !== 'Pod' || operation !== 'CREATE' || subResource !== '') return false;
  if (namespaceOf(snapshot, namespace)?.enabled !== true) return false;
  return textAt(pod, 'metadata', 'annotations', mirrorPodAnnotation) === undefined;
}

interface Means {
  readonly namespace: string;
  readonly facts: Facts;
  /** Undefined: the agent is not wished for, or somebody else brings it. */
  readonly delivered: Delivered | undefined;
}

interface Gifts {
  readonly variables: readonly Gift[];
  /** Undefined when the agent is not ours to bring. */
  readonly agent: Gift | undefined;
}

function giftsOf(
  injections: readonly Injection[],
  { namespace, facts: { settings, snapshot }, delivered }: Means,
): Gifts {
  const variables: Record<Injection, readonly Gift[]> = {
    node: [(container) => ({ container: withAgentSettings(container, settings, namespace) })],
    otel: [withBaggagePropagator],
    spring: remoteFieldGifts(settings.routingHeader),
  };
  const hasEmptyOptions = canStandIn(snapshot, namespace);
  const agent: Gift | undefined =
    delivered === undefined
      ? undefined
      : 'refusal' in delivered
        ? (container) =>
            preloads(container) ? given(container) : refused(delivered.refusal.code, delivered.refusal.why)
        : (container) => giveAll(container, [(one) => preload(one, hasEmptyOptions), mountAgent]);
  return { variables: injections.flatMap((injection) => variables[injection]), agent };
}

function canStandIn(snapshot: Snapshot, namespace: string): boolean {
  const map = inNamespace(snapshot.agentConfigMaps, namespace).get(emptyOptions.configMap);
  return (
    map !== undefined &&
    map.immutable &&
    map.owners.length === 0 &&
    map.files.length === 1 &&
    map.files.includes(emptyOptions.key)
  );
}

interface Given {
  readonly pod: JsonObject;
  readonly withAgent: readonly string[];
  readonly withoutAgent: readonly Told[];
  readonly problems: readonly Problem[];
}

interface Told {
  readonly name: string;
  readonly refusal: Refusal;
}

function give(pod: JsonObject, chosen: readonly Placed[], { variables, agent }: Gifts, tense: Tense): Given {
  const withAgent: string[] = [];
  const withoutAgent: Told[] = [];
  const problems: Problem[] = [];
  let after = pod;
  for (const { list, index, name, container } of chosen) {
    const path = ['spec', list, index] as const;
    const prepared = giveEach(container, variables);
    const outcome = agent?.(prepared.container);
    if (outcome?.container !== undefined) withAgent.push(name);
    const refusals = [...prepared.refusals];
    if (outcome?.refusal !== undefined) {
      withoutAgent.push({ name, refusal: outcome.refusal });
      refusals.push(outcome.refusal);
    }
    problems.push(
      ...refusals.map((refusal) => toProblem(name, { path: `spec.${list}[${index}]`, tense }, refusal)),
    );
    after = withValue(after, path, outcome?.container ?? prepared.container);
  }
  return { pod: after, withAgent, withoutAgent, problems };
}

const withoutAgentWords = { now: 'runs without', planned: 'would run without' } as const;
const untoldWords = { now: 'is not told', planned: 'would not be told' } as const;

function toProblem(
  container: string,
  { path, tense }: { readonly path: string; readonly tense: Tense },
  { code, why }: Refusal,
): Problem {
  const what =
    code === 'BL305' ? `${untoldWords[tense]} what to carry` : `${withoutAgentWords[tense]} the header agent`;
  return { code, path, message: `container ${quote(container)} ${what}: ${why}` };
}

/**
 * The volume comes only with a container that mounts it. What was done, and why something was not, stands on the pod: for `doctor`, and for the Event that is made of it.
 * What an earlier round said of a delivery that we do not know (yet) is left as it is.
 */
function report(
  { pod, withAgent, withoutAgent, problems }: Given,
  delivered: Delivered | undefined,
): PodMutation {
  if (delivered === undefined || ('refusal' in delivered && withAgent.length > 0))
    return { after: pod, problems };
  const delivery = 'refusal' in delivered || withAgent.length === 0 ? undefined : delivered;
  const told = {
    ...(delivery === undefined ? {} : { source: delivery.source, by: delivery.by, containers: withAgent }),
    ...(withoutAgent.length === 0
      ? {}
      : {
          without: Object.fromEntries(
            withoutAgent.map(({ name, refusal: { code, why } }) => [name, `${why} [${code}]`]),
          ),
        }),
  };
  return {
    after: withAnnotation(delivery?.deliver(pod) ?? pod, fullKey(podAgentKey), JSON.stringify(told)),
    problems,
  };
}
