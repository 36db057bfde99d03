/** The one table of settings. Flags, environment, help, the README's table and validation all come from it. */
import { branchSettings } from './branch-settings.ts';
import type { FixedNumber } from './fixed.ts';
import { serverSettings } from './server-settings.ts';
import type { Setting } from './setting.ts';

/** Every setting, in the order of `--help`. */
export const settingsTable = { ...serverSettings, ...branchSettings } as const satisfies Readonly<
  Record<string, Setting<unknown>>
>;

/** Name of a setting, as in the YAML file. */
export type SettingKey = keyof typeof settingsTable;

/** Valid, frozen settings, and with them the numbers that are none. */
export type Settings = {
  readonly [K in SettingKey]: (typeof settingsTable)[K] extends Setting<infer T> ? T : never;
} & { readonly [K in FixedNumber]: number };

/** Name of an installation when `webhookConfiguration` gives none. */
const defaultInstallation = 'branchline';

/** Returns the name of the installation: of its webhook configurations and of the Lease by which its replicas agree on the one that writes. */
export function installationName({ webhookConfiguration }: Pick<Settings, 'webhookConfiguration'>): string {
  return webhookConfiguration === '' ? defaultInstallation : webhookConfiguration;
}

/** Returns the Secret (in `systemNamespace`) with an installation's own CA. */
export function caSecretOf(settings: Pick<Settings, 'webhookConfiguration'>): string {
  return `${installationName(settings)}-ca`;
}

/** Every key of the table. */
export const settingKeys = Object.keys(settingsTable) as readonly SettingKey[];

/** Returns the command-line flag of a setting, e.g. `listenPort` → `--listen-port`. */
export function flagOf(key: SettingKey): string {
  return `--${words(key).join('-').toLowerCase()}`;
}

/** Returns the environment variable of a setting, e.g. `listenPort` → `BRANCHLINE_LISTEN_PORT`; of a fixed number, for tests only, `BRANCHLINE_TEST_…`. */
export function environmentOf(key: SettingKey | FixedNumber): string {
  if (!Object.hasOwn(settingsTable, key)) return `BRANCHLINE_TEST_${words(key).join('_').toUpperCase()}`;
  return `BRANCHLINE_${words(key).join('_').toUpperCase()}`;
}

function words(key: string): readonly string[] {
  return key.split(/(?=[A-Z])/);
}

/** Renders a default as help and README show it; empty for an empty one. */
export function showDefault(key: SettingKey): string {
  const fallback: Settings[SettingKey] = settingsTable[key].default;
  if (typeof fallback === 'object')
    return Array.isArray(fallback) ? showList(fallback as readonly string[]) : '';
  return String(fallback);
}

function showList(members: readonly string[]): string {
  return members.length > 4 ? `${members.slice(0, 3).join(',')},... (${members.length})` : members.join(',');
}
