/** The spellings that istiod accepts. Each predicate says why not, in words, or nothing. @see https://github.com/istio/istio/blob/86c9f01/pkg/config/validation/agent/validation.go */
import { labelsAt, numberAt, objectAt } from '../model/json.ts';
import { quote } from '../model/problem.ts';
import { finding, isSet, shownName, type Finding, type Placed } from './finding.ts';

const labelPattern = /^[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/;
const firstLabelPattern = /^(?:\*|\*?-?[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?)$/;
const ipv4Pattern = /^(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})(?:\.(?!$)|$)){4}$/;

/** Tells whether a text is a DNS label of at most 63 characters, upper case allowed. */
export function isLabel(text: string): boolean {
  return labelPattern.test(text);
}

/** Says what keeps a text from being a host: a DNS name, optionally led by `*`. @returns undefined when it is one. */
export function hostFault(host: string): string | undefined {
  if (host === '') return 'is empty';
  if (host.length > 255) return `has ${host.length} characters; 255 are allowed`;
  if (/^[^:]*:[0-9]+$/.test(host)) return 'has a port';
  if (/^[a-z]+:\/\//i.test(host)) return 'has a scheme';
  return labelsFault(host.replace(/\.$/, '').split('.'));
}

function labelsFault(labels: readonly string[]): string | undefined {
  const [first = '', ...others] = labels;
  if (first.length > 63 || !isFirstLabel(first)) return `has ${quote(first)}, which is no DNS label`;
  const wrong = others.find((label) => !isLabel(label));
  if (wrong !== undefined) return wrong === '*' ? 'has a * that does not stand first' : `has ${quote(wrong)}, which is no DNS label`;
  return others.length > 0 && /^[0-9]+$/.test(others.at(-1) ?? '') ? 'ends in a label of digits only' : undefined;
}

function isFirstLabel(label: string): boolean {
  return firstLabelPattern.test(label) && (!label.startsWith('-') && (!label.startsWith('*-') || label.length > 2));
}

/** Tells whether a text is an IPv4 or IPv6 address. */
export function isAddress(text: string): boolean {
  return ipv4Pattern.test(text) || (/^[0-9a-f:.]{2,45}$/i.test(text) && (text.match(/:/g) ?? []).length >= 2);
}

/** Header names as istiod takes them; `+-.` is a range in its pattern, so a comma slips through. */
const headerNamePattern = /^[-A-Za-z0-9!#$%&'*+,.^_`|~]+$/;
const pseudoHeaders: ReadonlySet<string> = new Set([':method', ':scheme', ':authority', ':path', ':status']);

/** Tells whether a text is a header's name. */
export function isHeaderName(name: string): boolean {
  return headerNamePattern.test(name);
}

/** Tells whether a text is a name that a match may look at: a header, a pseudo header, or a claim of a token. */
export function isMatchableName(name: string): boolean {
  return pseudoHeaders.has(name) || isClaim(name) || isHeaderName(name);
}

/** Tells whether a name stands for a claim of a JWT. */
export function isClaim(name: string): boolean {
  return /^@request\.auth\.claims(?:\.[^[\]]+|(?:\[[^[\]]+\])+)$/.test(name);
}

const labelNamePattern = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const labelValuePattern = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;

/** Checks a map of pod labels as istiod does: keys in full, values without their limit of 63 characters. */
export function* labelFindings({ value, path }: Placed, key: string): Generator<Finding> {
  for (const [name, text] of Object.entries(objectAt(value, key))) {
    const place = `${path}.${key}[${shownName(name)}]`;
    if (!isLabelKey(name)) yield finding(place, 'is no label key', 'write name or prefix/name, e.g. version');
    else if (typeof text !== 'string') yield finding(place, `is ${quote(JSON.stringify(text))}, which is no text`, 'write it in quotes');
    else if (!labelValuePattern.test(text)) yield finding(place, `is ${quote(text)}, which no label can hold`, 'use letters, digits, - _ . and begin and end with a letter or digit');
  }
}

function isLabelKey(key: string): boolean {
  const parts = key.split('/');
  const name = parts.at(-1) ?? '';
  const [prefix] = parts;
  if (parts.length > 2 || !labelNamePattern.test(name)) return false;
  return parts.length === 1 || (prefix !== undefined && prefix !== '' && prefix.length <= 253 && prefix.split('.').every(isLabel));
}

/** Returns the labels of a map field, as far as they are texts. */
export function podLabels(value: unknown): Readonly<Record<string, string>> {
  return labelsAt(value, 'labels');
}

/** Says what keeps a value from being a port. */
export function portFault(value: unknown): string | undefined {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535) return undefined;
  return `is ${shown(value)}, which is no port`;
}

const unitMilliseconds: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, 'µs': 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Reads a duration such as `1.5s`, `300ms`, `1h30m`. @returns milliseconds, or undefined. */
export function millisecondsOf(text: string): number | undefined {
  if (text.length > 40 || !/^(?:[0-9]+(?:\.[0-9]*)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9.]+)([a-zµ]+)/g)) sum += Number(amount) * (unitMilliseconds[unit ?? ''] ?? NaN);
  return Number(sum.toFixed(6));
}

/** Checks a duration field: at least 1ms, whole milliseconds. An absent one is fine. */
export function* durationFindings({ value, path }: Placed, key: string): Generator<Finding> {
  if (!isSet(value, key)) return;
  const text = objectAt(value)[key];
  const milliseconds = typeof text === 'string' ? millisecondsOf(text) : undefined;
  const place = `${path}.${key}`;
  if (milliseconds === undefined) yield finding(place, `is ${shown(text)}, which is no duration`, 'write e.g. 5s or 500ms');
  else if (milliseconds < 1) yield finding(place, `is ${shown(text)}`, 'write at least 1ms; leave the field out for none');
  else if (!Number.isInteger(milliseconds)) yield finding(place, `is ${shown(text)}`, 'use whole milliseconds');
}

/** Checks a field that is a number within a range. An absent one is fine. */
export function* rangeFindings({ value, path }: Placed, key: string, range: readonly [number, number]): Generator<Finding> {
  if (!isSet(value, key)) return;
  const number = numberAt(value, key);
  if (number !== undefined && number >= range[0] && number <= range[1]) return;
  const wanted = range[1] === Infinity ? `${range[0]} or more` : `${range[0]} to ${range[1]}`;
  yield finding(`${path}.${key}`, `is ${shown(objectAt(value)[key])}`, `write a number, ${wanted}`);
}

/** Shows a value of any shape in a message. */
export function shown(value: unknown): string {
  return typeof value === 'string' ? quote(value) : quote(JSON.stringify(value) ?? 'nothing').slice(1, -1);
}
