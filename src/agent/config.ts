/** The agent's settings, from the environment that the Pod webhook writes. */
import { createDestinations, type IsInside } from './destinations.ts';

/** What the agent does. Names of headers are in lower case. */
export interface Config {
  readonly headers: readonly string[];
  readonly generate: readonly string[];
  readonly isEchoed: boolean;
  readonly isDebugged: boolean;
  readonly isInside: IsInside;
}

const ids = ['x-variant-id', 'traceparent', 'x-request-id', 'x-correlation-id', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-parentspanid', 'x-b3-sampled', 'x-b3-flags', 'b3', 'x-ot-span-context'];
const defaults = [...ids, 'baggage', 'tracestate', 'x-feature-flags'];

/** Names that belong to one hop, to one body or to one caller. */
const neverCarried = /^(?:host|authorization|proxy-.*|cookie|set-cookie|content-.*|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect)$/;
const token = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;

/** Returns undefined when the agent is switched off. */
export function readConfig(env: NodeJS.ProcessEnv, net: typeof import('node:net')): Config | undefined {
  const read = (name: string): string => env[`BRANCHLINE_AGENT_${name}`] ?? '';
  const isOn = (name: string): boolean => !/^(?:|0|false|no|off)$/i.test(read(name).trim());
  if (isOn('DISABLED')) return undefined;
  const generate = listOf(read('GENERATE')).filter(isCarriable);
  return {
    headers: [...new Set([...headersOf(read('HEADERS')), ...generate])],
    generate,
    isEchoed: isOn('RESPONSE'),
    isDebugged: isOn('DEBUG'),
    isInside: createDestinations(listOf(read('HOSTS')), read('CLUSTER_DOMAIN').trim().toLowerCase() || 'cluster.local', net),
  };
}

/** A plain name replaces the default list; `+name` adds to what stands. */
function headersOf(text: string): readonly string[] {
  const wanted = listOf(text);
  const plain = wanted.filter((name) => name[0] !== '+');
  const added = wanted.filter((name) => name[0] === '+').map((name) => name.slice(1));
  return [...(plain.length > 0 ? plain : defaults), ...added].filter(isCarriable);
}

function isCarriable(name: string): boolean {
  return token.test(name) && !neverCarried.test(name);
}

function listOf(text: string): readonly string[] {
  return text.toLowerCase().split(/[\s,]+/).filter((item) => item !== '');
}

/**
 * Tells whether a value may be sent on. An id is one word: node joins repeated headers with a comma, and then nobody knows which one was meant.
 * Too long is dropped, not cut.
 */
export function isValid(name: string, value: unknown): value is string {
  if (typeof value !== 'string') return false;
  if (ids.includes(name)) return /^[\x21-\x2b\x2d-\x7e]{1,256}$/.test(value);
  return value.length <= (name === 'baggage' ? 8192 : 1024) && /^[\x20-\x7e]+$/.test(value);
}
