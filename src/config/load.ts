/** Flags, environment and file text in; frozen settings out, or every problem there is. Flags win over environment, environment over the file. */
import { Ajv, type ErrorObject } from 'ajv';
import { parse } from 'yaml';
import { at, isObject, type JsonObject } from '../model/json.ts';
import { quote, type Problem } from '../model/problem.ts';
import { fixedKeys, fixedNumbers } from './fixed.ts';
import {
  environmentOf,
  flagOf,
  settingKeys,
  settingsTable,
  type SettingKey,
  type Settings,
} from './settings.ts';

/** Where settings come from. `flags` holds what the command line gave, by key; lists as repeated or comma-separated text. */
export interface SettingsSources {
  readonly flags: Readonly<Partial<Record<SettingKey, unknown>>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly file?: { readonly name: string; readonly text: string };
}

/** Settings, or what is wrong with them. */
export type LoadedSettings = { readonly settings: Settings } | { readonly problems: readonly Problem[] };

/** Environment that carries our prefix and is not a setting: the agent's, and what Kubernetes sets for a Service named `branchline`. */
const notSettings = /^BRANCHLINE_(?:AGENT_|CONFIG$|PORT(?:_|$)|SERVICE_)/;

/** Loads, validates as a whole and freezes. Never reads anything but its argument. */
export function loadSettings(sources: SettingsSources): LoadedSettings {
  const file = readFile(sources.file);
  const given = new Map<SettingKey, { value: unknown; from: string }>();
  for (const key of settingKeys) {
    const found = pick(key, sources, file.values);
    if (found !== undefined) given.set(key, found);
  }
  const settings = Object.fromEntries(
    settingKeys.map((key) => [key, given.has(key) ? given.get(key)?.value : settingsTable[key].default]),
  );
  const from = (key: string): string => given.get(key as SettingKey)?.from ?? key;
  const fixed = readFixed(sources.environment);
  const problems = [
    ...fixed.problems,
    ...file.problems,
    ...unknownEnvironment(sources.environment),
    ...validate(settings, from),
    ...crossCheck(settings, from),
    ...crossCheckCertificates(settings, from),
  ];
  return problems.length > 0
    ? { problems }
    : { settings: freeze({ ...settings, ...fixed.values }) as unknown as Settings };
}

function readFile(file: SettingsSources['file']): { values: JsonObject; problems: readonly Problem[] } {
  if (file === undefined) return { values: {}, problems: [] };
  let values: unknown;
  try {
    values = parse(file.text, { maxAliasCount: 100 }) ?? {};
  } catch (error) {
    return {
      values: {},
      problems: [
        problem(
          file.name,
          `${file.name} is not YAML: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`,
        ),
      ],
    };
  }
  if (!isObject(values))
    return {
      values: {},
      problems: [problem(file.name, `${file.name} is not a mapping of setting names to values`)],
    };
  const unknown = Object.keys(values).filter((key) => !Object.hasOwn(settingsTable, key));
  return {
    values,
    problems: unknown.map((key) =>
      problem(
        `${file.name}: ${key}`,
        `${quote(key)} in ${file.name} is not a setting${suggest(key, settingKeys) || '; remove it, or run the version that knows it'}`,
      ),
    ),
  };
}

function pick(
  key: SettingKey,
  sources: SettingsSources,
  file: JsonObject,
): { value: unknown; from: string } | undefined {
  const flag = sources.flags[key];
  if (flag !== undefined) return { value: fromText(key, flag), from: flagOf(key) };
  const variable = environmentOf(key);
  const environment = sources.environment[variable];
  if (environment !== undefined) return { value: fromText(key, environment), from: variable };
  if (Object.hasOwn(file, key)) return { value: file[key], from: `${sources.file?.name ?? 'file'}: ${key}` };
  return undefined;
}

/** Turns text into the type that the setting has; text that does not fit stays text, for validation to name it. */
function fromText(key: SettingKey, value: unknown): unknown {
  const { type } = settingsTable[key].schema;
  if (Array.isArray(value)) return value.flatMap((member) => splitList(String(member)));
  if (typeof value !== 'string') return value;
  if (type === 'integer') return /^-?[0-9]{1,15}$/.test(value) ? Number(value) : value;
  if (type === 'boolean') return value === 'true' ? true : value === 'false' ? false : value;
  if (type === 'array') return splitList(value);
  if (type === 'object')
    return Object.fromEntries(
      splitList(value).map((member) => [member.split('=')[0] ?? '', member.split('=').slice(1).join('=')]),
    );
  return value;
}

function splitList(text: string): readonly string[] {
  return text
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '');
}

/** The numbers that are no settings, as tests may shorten them. */
function readFixed(environment: SettingsSources['environment']): {
  values: JsonObject;
  problems: readonly Problem[];
} {
  const given = fixedKeys.flatMap((key) => {
    const text = environment[environmentOf(key)];
    return text === undefined ? [] : [{ key, text }];
  });
  return {
    values: { ...fixedNumbers, ...Object.fromEntries(given.map(({ key, text }) => [key, Number(text)])) },
    problems: given
      .filter(({ text }) => !/^[0-9]{1,15}$/.test(text))
      .map(({ key, text }) =>
        problem(environmentOf(key), `${environmentOf(key)}: ${quote(text)} must be a whole number`),
      ),
  };
}

function unknownEnvironment(environment: SettingsSources['environment']): readonly Problem[] {
  const known = settingKeys.map(environmentOf);
  const fixed = fixedKeys.map(environmentOf);
  return Object.keys(environment)
    .filter((name) => name.startsWith('BRANCHLINE_') && !notSettings.test(name))
    .filter((name) => !known.includes(name) && !fixed.includes(name))
    .sort()
    .map((name) =>
      problem(name, `${quote(name)} in the environment is not a setting${suggest(name, known)}`),
    );
}

function validate(settings: JsonObject, from: (key: string) => string): readonly Problem[] {
  const ajv = new Ajv({
    allErrors: true,
    formats: { hostname: /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/ },
  });
  const check = ajv.compile({
    type: 'object',
    properties: Object.fromEntries(settingKeys.map((key) => [key, settingsTable[key].schema])),
  });
  check(settings);
  return (check.errors ?? [])
    .filter((error) => error.keyword !== 'propertyNames')
    .map((error) => describe(error, settings, from));
}

/** Names the place (a flag, a variable, a line of the file; of a map, also the key), the value, what it must be. */
function describe(error: ErrorObject, settings: JsonObject, from: (key: string) => string): Problem {
  const [key = '', member] = error.instancePath.split('/').slice(1);
  const isMap = isObject(settings[key]);
  const value: unknown = error.propertyName ?? at(settings, key, ...(member === undefined ? [] : [member]));
  const allowed = (error.params as { allowedValues?: readonly unknown[] }).allowedValues;
  const wanted =
    allowed === undefined ? (error.message ?? 'is not valid') : `must be one of ${allowed.join(', ')}`;
  const where = isMap && member !== undefined ? `${from(key)} (${member})` : from(key);
  return problem(
    where,
    `${where}: ${quote(typeof value === 'string' ? value : JSON.stringify(value))} ${wanted}; ${settingsTable[key as SettingKey].help}`,
  );
}

/** What one setting alone cannot show. */
function crossCheck(settings: JsonObject, from: (key: string) => string): readonly Problem[] {
  const problems: Problem[] = [];
  if (Number(settings['bodyBudgetBytes']) < Number(settings['bodyLimitBytes'])) {
    problems.push(
      problem(
        from('bodyBudgetBytes'),
        'bodyBudgetBytes is smaller than bodyLimitBytes, so the largest review could never be read',
      ),
    );
  }
  if (
    settings['publicHeader'] === 'accept' &&
    Array.isArray(settings['publicHeaderGateways']) &&
    settings['publicHeaderGateways'].length > 0
  ) {
    problems.push(
      problem(
        from('publicHeaderGateways'),
        'publicHeaderGateways protects nothing while every Gateway accepts the routing header; set publicHeader to remove',
      ),
    );
  }
  return problems;
}

/** What certificates need of each other. */
function crossCheckCertificates(settings: JsonObject, from: (key: string) => string): readonly Problem[] {
  const problems: Problem[] = [];
  if ((settings['tlsCertFile'] === '') !== (settings['tlsKeyFile'] === '')) {
    const missing = settings['tlsKeyFile'] === '' ? 'tlsKeyFile' : 'tlsCertFile';
    problems.push(problem(from(missing), `${missing} is missing; tlsCertFile and tlsKeyFile go together`));
  }
  if (
    settings['clientCaFile'] === '' &&
    Array.isArray(settings['clientNames']) &&
    settings['clientNames'].length > 0
  ) {
    problems.push(
      problem(
        from('clientNames'),
        'clientNames without clientCaFile would check nobody; give the CA that signs the callers',
      ),
    );
  }
  return [...problems, ...crossCheckInstallation(settings, from)];
}

function crossCheckInstallation(settings: JsonObject, from: (key: string) => string): readonly Problem[] {
  const problems: Problem[] = [];
  if (settings['webhookConfiguration'] === '' && settings['earnFailurePolicy'] === true) {
    problems.push(
      problem(
        from('earnFailurePolicy'),
        'earnFailurePolicy without webhookConfiguration would reach no API server; name the webhook configurations',
      ),
    );
  }
  return [...problems, ...agentImageIsMissing(settings, from)];
}

function agentImageIsMissing(
  { agentDelivery, agentImage }: JsonObject,
  from: (key: string) => string,
): readonly Problem[] {
  if (agentImage !== '' || (agentDelivery !== 'image' && agentDelivery !== 'initContainer')) return [];
  return [
    problem(
      from('agentImage'),
      `agentDelivery ${agentDelivery} needs agentImage, the image that holds /agent.cjs`,
    ),
  ];
}

function problem(path: string, message: string): Problem {
  return { code: 'BL001', path, message };
}

/** Offers the known name that shares the longest start, or differs only in case. */
function suggest(name: string, known: readonly string[]): string {
  const near =
    known.find((candidate) => candidate.toLowerCase() === name.toLowerCase()) ??
    known.find((candidate) =>
      candidate.toLowerCase().startsWith(name.toLowerCase().slice(0, Math.max(12, name.length - 3))),
    );
  return near === undefined ? '' : `; did you mean ${near}?`;
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(freeze);
  return Object.freeze(value);
}
