/** `NODE_OPTIONS` of a container: how the agent is preloaded without taking anything away that stands there. */
import { at, listAt, textAt, type JsonObject } from '../../model/json.ts';
import { agent, emptyOptions } from '../../model/keys.ts';
import { withValue } from '../json-patch.ts';
import { isFromElsewhere, variableOf, withFirstMember, withMember } from './lists.ts';
import { given, refused, type Outcome } from './outcome.ts';

const file = `${agent.mountPath}/${agent.file}`;
/** What preloads the agent. */
export const preloadFlag = `--require ${file}`;

/** What stands for the value of another source, and adds to it. */
const extended = `$(NODE_OPTIONS) ${preloadFlag}`;

/**
 * | `NODE_OPTIONS` | |
 * |---|---|
 * | nowhere, as far as the pod shows | set |
 * | maybe in an `envFrom` | set to `$(NODE_OPTIONS)` and ours, where a ConfigMap with an empty value stands in for a source that has none; else left alone |
 * | a literal | appended to, where it stands, so that `$(VAR)` still sees what stands before it; the last one counts |
 * | a literal with ours in it | as it is |
 * | a literal with an open quote | left alone: node refuses it |
 * | `valueFrom` | left alone: its value is not ours to see |
 *
 * The kubelet reads every `envFrom` first, the last source of a key counting, and resolves `$(VAR)` in `env` by them and by the variables before it.
 *
 * @see https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables)
 */
export function preload(container: JsonObject, hasEmptyOptions: boolean): Outcome {
  if (asksForPermissions([...listAt(container, 'command'), ...listAt(container, 'args')].join(' ')))
    return refusedByNode;
  const { index, variable } = variableOf(container, 'NODE_OPTIONS');
  if (index < 0) return addOptions(container, hasEmptyOptions);
  if (isFromElsewhere(variable))
    return refused(
      'BL302',
      'its NODE_OPTIONS is a valueFrom, which cannot be extended; make it a literal value in env',
    );
  const options = textAt(variable, 'value') ?? '';
  const words = wordsOf(options);
  if (words === undefined)
    return refused('BL302', 'its NODE_OPTIONS has an open quote, with which node does not start; close it');
  if (isPreloaded(words)) return given(options === extended ? keepFirst(container) : container);
  if (asksForPermissions(options)) return refusedByNode;
  return given(
    withValue(
      container,
      ['env', index, 'value'],
      options.trim() === '' ? preloadFlag : `${options} ${preloadFlag}`,
    ),
  );
}

/** Node 20 reads no preloaded file under its permission model unless that names it, and ends; later ones do. */
function asksForPermissions(text: string): boolean {
  return text.includes('--experimental-permission');
}

const refusedByNode = refused(
  'BL304',
  'it starts node with --experimental-permission, which forbids Node 20 to preload a file; use --permission of a newer Node, or leave it out',
);

function addOptions(container: JsonObject, hasEmptyOptions: boolean): Outcome {
  if (listAt(container, 'envFrom').length === 0)
    return given(withMember(container, ['env'], { name: 'NODE_OPTIONS', value: preloadFlag }));
  if (!hasEmptyOptions)
    return refused(
      'BL302',
      `its NODE_OPTIONS may come from an envFrom, and no ConfigMap ${emptyOptions.configMap} is here to stand in where it does not; make it a literal value in env`,
    );
  return given(
    withMember(withFirstMember(container, ['envFrom'], standIn), ['env'], {
      name: 'NODE_OPTIONS',
      value: extended,
    }),
  );
}

const standIn = { configMapRef: { name: emptyOptions.configMap } };

function isStandIn(source: unknown): boolean {
  return (
    textAt(source, 'configMapRef', 'name') === emptyOptions.configMap &&
    (textAt(source, 'prefix') ?? '') === ''
  );
}

/** Another webhook may have put a source of its own before ours, which would then hide it. */
function keepFirst(container: JsonObject): JsonObject {
  const sources = listAt(container, 'envFrom');
  const index = sources.findIndex(isStandIn);
  return index <= 0
    ? container
    : withValue(container, ['envFrom'], [sources[index], ...sources.filter((_, other) => other !== index)]);
}

/** Tells whether a container preloads the agent already. */
export function preloads(container: JsonObject): boolean {
  const { variable } = variableOf(container, 'NODE_OPTIONS');
  return (
    at(variable, 'valueFrom') === undefined && isPreloaded(wordsOf(textAt(variable, 'value') ?? '') ?? [])
  );
}

function isPreloaded(words: readonly string[]): boolean {
  return words.some(
    (word, index) =>
      word === `--require=${file}` || (word === file && ['--require', '-r'].includes(words[index - 1] ?? '')),
  );
}

/** Splits as node does: at blanks, unless they stand in double quotes, where a backslash keeps the next character; undefined where a quote is left open. @see https://github.com/nodejs/node/blob/main/src/node_options.cc (ParseNodeOptionsEnvVar) */
export function wordsOf(options: string): readonly string[] | undefined {
  const words: string[] = [];
  let isQuoted = false;
  let isNew = true;
  for (let at = 0; at < options.length; at += 1) {
    if (options[at] === '"') isQuoted = !isQuoted;
    else if (options[at] === ' ' && !isQuoted) isNew = true;
    else {
      if (options[at] === '\\' && isQuoted) at += 1;
      lengthen(words, options.charAt(at), isNew);
      isNew = false;
    }
  }
  return isQuoted ? undefined : words;
}

function lengthen(words: string[], character: string, isNew: boolean): void {
  if (isNew) words.push(character);
  else words.push(`${words.pop() ?? ''}${character}`);
}
