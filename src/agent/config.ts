/** The agent's settings, from the environment that the Pod webhook writes. */
import { builtin } from './builtin.ts';
import { createDestinations, type IsInside } from './destinations.ts';

/** What the agent does. Names of headers are in lower case. */
export interface Config {
  readonly names: readonly string[];
  readonly generate: readonly string[];
  readonly isEchoed: boolean;
  readonly isInside: IsInside;
}

const ids =
  'x-variant-id,traceparent,x-request-id,x-correlation-id,x-b3-traceid,x-b3-spanid,x-b3-parentspanid,x-b3-sampled,x-b3-flags,b3,x-ot-span-context'.split(
    ',',
  );
const defaults = [...ids, 'baggage', 'tracestate', 'x-feature-flags'];

/** Names that belong to one hop, to one body or to one caller. */
const neverCarried =
  /^(host|authorization|proxy-.*|(set-)?cookie|content-.*|transfer-.*|connection|keep-alive|upgrade|te|trailer|expect)$/;

/** Returns undefined when the agent is switched off. */
export function readConfig(env: NodeJS.ProcessEnv): Config | undefined {
  const read = (name: string): string => (env[`BRANCHLINE_AGENT_${name}`] || '').trim().toLowerCase();
  const isOn = (name: string): boolean => /^(1|true)$/.test(read(name));
  if (isOn('DISABLED')) return undefined;
  const generate = listOf(read('GENERATE')).filter(isCarriable);
  const isInside = createDestinations(
    listOf(read('HOSTS')),
    read('CLUSTER_DOMAIN') || 'cluster.local',
    builtin('net'),
  );
  return {
    names: [...new Set([...headersOf(listOf(read('HEADERS'))), ...generate])],
    generate,
    isEchoed: isOn('RESPONSE'),
    isInside: isOn('DEBUG') ? (host) => say(host, isInside(host)) : isInside,
  };
}

/** Names and decisions, never values: they may be secret. Written at once, past whatever the application made of its streams. */
function say(host: unknown, isInside: boolean): boolean {
  (process as unknown as { _rawDebug: (text: string) => void })._rawDebug(
    `branchline agent: ${host as string} is ${isInside ? 'in' : 'out'}side`,
  );
  return isInside;
}

/** A plain name replaces the default list; `+name` adds to what stands. */
function headersOf(wanted: readonly string[]): readonly string[] {
  const isAddition = wanted.every((name) => name.startsWith('+'));
  return [...(isAddition ? defaults : []), ...wanted.map((name) => name.replace('+', ''))].filter(
    isCarriable,
  );
}

function isCarriable(name: string): boolean {
  return /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name) && !neverCarried.test(name);
}

function listOf(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter(Boolean);
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
