/** Rules about a DestinationRule by itself. @see https://github.com/istio/istio/blob/86c9f01/pkg/config/validation/validation.go ValidateDestinationRule */
import { parseBranch } from '../../model/branch.ts';
import { isObject, listAt, objectAt, textAt } from '../../model/json.ts';
import { quote } from '../../model/problem.ts';
import {
  entries,
  field,
  finding,
  isSet,
  members,
  type Finding,
  type Owner,
  type Placed,
  type Row,
} from '../finding.ts';
import { isAddress, isLabel, labelFindings, podLabels, shown } from './istio-names.ts';
import { failoverNeedsOutliers, policyIsOfToday, policyIsValid } from './traffic-policy.ts';
import { hostFinding } from './virtual-service-object.ts';

/** Rules over the spec of a DestinationRule. */
export const destinationRuleRows: readonly Row[] = [
  { code: 'BL211', check: hostIsAName },
  { code: 'BL211', check: subsetsAreValid },
  { code: 'BL235', check: subsetsTellPodsApart },
  { code: 'BL248', check: subsetsAreInLowerCase },
  { code: 'BL253', check: subsetsAreNamedAfterTheirVersion },
  { code: 'BL211', check: policiesAreValid },
  { code: 'BL221', check: policiesAreOfToday },
  { code: 'BL258', check: failoverWorks },
  { code: 'BL211', check: selectorIsValid },
  { code: 'BL238', check: selectorSelects },
];

function* hostIsAName({ value, path }: Placed): Generator<Finding> {
  const fix = 'write the full name of a Service, e.g. fact-find-ui.ww-green.svc.cluster.local';
  const host = textAt(value, 'host');
  if (host === undefined) yield finding(`${path}.host`, 'is missing', fix);
  else if (isAddress(host)) yield finding(`${path}.host`, `is ${quote(host)}, an address`, fix);
  else if (host !== '*') yield* hostFinding(host, `${path}.host`, fix);
}

function* subsetsAreValid(spec: Placed): Generator<Finding> {
  const names = new Set<string>();
  for (const subset of members(spec, 'subsets')) {
    const name = textAt(subset.value, 'name') ?? '';
    if (!isObject(subset.value))
      yield finding(
        subset.path,
        `is ${shown(subset.value)}`,
        'write name and labels, or leave the entry out',
      );
    else if (!isLabel(name))
      yield finding(
        `${subset.path}.name`,
        `is ${quote(name)}, which is no DNS label`,
        'use letters, digits and -, at most 63; the label value may be another',
      );
    else if (names.has(name))
      yield finding(
        `${subset.path}.name`,
        `is ${quote(name)}, which is there already`,
        'leave one of them out, or name it otherwise',
      );
    names.add(name);
    yield* labelFindings(subset, 'labels');
  }
}

/** Subsets that only name settings for a host, as in Istio's recipe for egress Gateways, need no labels: none of the rule has any, and none is named after a version. */
function* subsetsTellPodsApart(spec: Placed, { settings }: Owner): Generator<Finding> {
  const subsets = members(spec, 'subsets');
  const areVersions = subsets.some(
    ({ value }) =>
      Object.keys(objectAt(value, 'labels')).length > 0 ||
      isVersionName(textAt(value, 'name') ?? '', settings),
  );
  for (const subset of subsets) {
    if (!isObject(subset.value)) continue;
    if (areVersions && Object.keys(objectAt(subset.value, 'labels')).length === 0)
      yield finding(
        `${subset.path}.labels`,
        'is empty, so the subset has every pod of the host, branches too',
        'write e.g. labels: { version: master }',
      );
    for (const { key, value, path } of entries(subset, 'labels')) {
      if (typeof value === 'string' && value.length > 63)
        yield finding(
          path,
          `has ${value.length} characters, and no pod can carry more than 63 as the value of ${quote(key)}`,
          'shorten it as the pods have it',
        );
    }
  }
}

const ticketName = /^[a-z]+-[0-9]+/i;

function isVersionName(name: string, { baseline }: Owner['settings']): boolean {
  return name === baseline || ticketName.test(name) || /^v?[0-9]/i.test(name);
}

function* subsetsAreInLowerCase(spec: Placed): Generator<Finding> {
  for (const { value, path } of members(spec, 'subsets')) {
    const name = textAt(value, 'name') ?? '';
    if (!isLabel(name) || name === name.toLowerCase()) continue;
    yield finding(
      `${path}.name`,
      `is ${quote(name)}: Envoy lower-cases the server name that it goes into, so traffic between networks does not find it`,
      `name it ${quote(name.toLowerCase())}; its label keeps ${quote(name)}`,
    );
  }
}

/** A name that is another ticket's, or another subset's version, is a slip; `stable` for `v1` is somebody's way. */
function* subsetsAreNamedAfterTheirVersion(spec: Placed, { settings }: Owner): Generator<Finding> {
  const versions = new Set(
    listAt(spec.value, 'subsets').map((subset) => podLabels(subset)[settings.versionLabel]?.toLowerCase()),
  );
  for (const { value, path } of members(spec, 'subsets')) {
    const name = textAt(value, 'name') ?? '';
    const version = podLabels(value)[settings.versionLabel] ?? '';
    const wanted = parseBranch(version)?.host;
    const isVersion = ticketName.test(name) || versions.has(name.toLowerCase());
    if (!isVersion || wanted === undefined || [version.toLowerCase(), wanted].includes(name.toLowerCase()))
      continue;
    yield finding(
      `${path}.name`,
      `is ${quote(name)}, and its pods are ${settings.versionLabel} ${quote(version)}`,
      `name it ${quote(wanted)}, or put the label right`,
    );
  }
}

function policiesOf(spec: Placed): readonly Placed[] {
  return [
    field(spec, 'trafficPolicy'),
    ...members(spec, 'subsets').map((subset) => field(subset, 'trafficPolicy')),
  ].filter(({ value }) => isObject(value));
}

function* policiesAreValid(spec: Placed): Generator<Finding> {
  for (const policy of policiesOf(spec)) yield* policyIsValid(policy);
}

function* policiesAreOfToday(spec: Placed): Generator<Finding> {
  for (const policy of policiesOf(spec)) yield* policyIsOfToday(policy);
}

function* failoverWorks(spec: Placed): Generator<Finding> {
  for (const policy of policiesOf(spec)) yield* failoverNeedsOutliers(policy);
}

function* selectorIsValid(spec: Placed, { namespace }: Owner): Generator<Finding> {
  const selector = field(spec, 'workloadSelector');
  if (!isObject(selector.value)) return;
  for (const { key, value, path } of entries(selector, 'matchLabels')) {
    if (key === '') yield finding(path, 'has an empty key', 'write the key of a label');
    else if (key.includes('*') || (typeof value === 'string' && value.includes('*')))
      yield finding(path, `has a *: ${quote(key)}: ${shown(value)}`, 'write the label as pods carry it');
  }
  const elsewhere = listAt(spec.value, 'exportTo').filter((target) => target !== '.' && target !== namespace);
  if (elsewhere.length > 0)
    yield finding(
      `${spec.path}.exportTo`,
      `is ${shown(elsewhere[0])} beside workloadSelector, which works in its own namespace only`,
      'write exportTo: ["."]',
    );
}

function* selectorSelects(spec: Placed): Generator<Finding> {
  if (
    !isSet(spec.value, 'workloadSelector') ||
    Object.keys(objectAt(spec.value, 'workloadSelector', 'matchLabels')).length > 0
  )
    return;
  yield finding(
    `${spec.path}.workloadSelector`,
    'has no matchLabels, so it stands for every workload of the namespace',
    'write matchLabels, or leave it out',
  );
}
