/** One row of the table of settings, and what makes one. */

/** What a setting is about; `--help` and the README group by it. */
export type SettingGroup =
  | 'server'
  | 'certificates'
  | 'cluster'
  | 'controller'
  | 'branches'
  | 'lifecycle'
  | 'chat'
  | 'routes'
  | 'propagation';

/** One setting: its default, the JSON Schema that its value must meet, one line of help (with the unit). */
export interface Setting<T> {
  readonly group: SettingGroup;
  readonly default: T;
  readonly schema: { readonly type: 'string' | 'integer' | 'boolean' | 'array' | 'object' } & Readonly<
    Record<string, unknown>
  >;
  readonly help: string;
}

/** Makes a row of that type. */
export function text(
  group: SettingGroup,
  fallback: string,
  help: string,
  limits: Readonly<Record<string, unknown>> = {},
): Setting<string> {
  return { group, default: fallback, schema: { type: 'string', ...limits }, help };
}

/** Makes a row of that type. */
export function whole(
  group: SettingGroup,
  fallback: number,
  range: readonly [number, number],
  help: string,
): Setting<number> {
  return {
    group,
    default: fallback,
    schema: { type: 'integer', minimum: range[0], maximum: range[1] },
    help,
  };
}

/** Makes a row of that type. */
export function flag(group: SettingGroup, fallback: boolean, help: string): Setting<boolean> {
  return { group, default: fallback, schema: { type: 'boolean' }, help };
}

/** Makes a row of that type. */
export function list(
  group: SettingGroup,
  fallback: readonly string[],
  help: string,
  items: Readonly<Record<string, unknown>> = {},
): Setting<readonly string[]> {
  return {
    group,
    default: fallback,
    schema: { type: 'array', items: { type: 'string', minLength: 1, ...items } },
    help,
  };
}

/** Limits of a header name. */
export const headerName = { pattern: '^[a-z0-9][a-z0-9-]*$', maxLength: 64 };
/** Limits of a label's key. */
export const labelKey = { pattern: '^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$' };
/** Limits of a label's value. */
export const labelValue = { pattern: '^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$' };

/** Limits of a lifetime, e.g. `3d`. */
export const lifetimeText = { pattern: '^[1-9][0-9]{0,6}[smhdw]$' };
