/** The verbs about branches, as commander knows them. The command line and the chat speak the same words; only what is local to a machine differs. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { SettingGroup } from '../config/setting.ts';
import type { SettingKey, Settings } from '../config/settings.ts';
import type { Source } from './facts.ts';
import { addExamples, type Example } from './examples.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';

/** Who speaks. */
export interface Speaker {
  /** Files, kubeconfigs and repositories are of this machine: a chat has none of them. */
  readonly isLocal: boolean;
  /** Namespaces that may be named; undefined: any. */
  readonly namespaces: readonly string[] | undefined;
  /** Whose deployed branches are; undefined: nobody is named. */
  readonly owner: string | undefined;
}

/** Whoever sits at the terminal. */
export const person: Speaker = { isLocal: true, namespaces: undefined, owner: undefined };

/** Where verbs are added, and what running them takes. */
export interface Verbs {
  readonly program: Command;
  readonly io: Io;
  readonly speaker: Speaker;
  readonly done: (code: ExitCode) => void;
  /** Adds the settings of these groups as flags, and `--config`. */
  readonly withSettings: (
    command: Command,
    groups: readonly SettingGroup[],
    also?: readonly SettingKey[],
  ) => void;
  readonly settingsOf: (flags: Readonly<Record<string, unknown>>) => Promise<Settings>;
}

type Flags = Readonly<Record<string, unknown>>;

/** Adds `deploy`, `list`, `keep`, `delete`, and for people at a terminal `housekeep`. */
export function addBranchVerbs(verbs: Verbs): void {
  addDeploy(verbs);
  addList(verbs);
  addKeep(verbs);
  addDelete(verbs);
  if (verbs.speaker.isLocal) addHousekeep(verbs);
}

function addDeploy(verbs: Verbs): void {
  const command = verbs.program
    .command('deploy')
    .description('deploy a branch of services: their baselines, cloned, with another image')
    .argument('<services>', 'one service, or several separated by commas')
    .argument('<namespace>', 'where')
    .argument('<branch>', 'e.g. OPS-1234, or any git branch')
    .option(
      '--image <image>',
      "image, or container=image; repeatable (default: the baseline's with the branch as tag, see imageTag)",
      gather,
    )
    .option('--tag <tag>', "tag of the baseline's image")
    .option(
      '--env <NAME=value>',
      'variable of the main container, or container:NAME=value; repeatable',
      gather,
    )
    .addOption(new Option('--replicas <number>', 'pods').argParser(whole).default(1))
    .option('--ttl <lifetime>', 'how long it lives, e.g. 12h or 7d')
    .addOption(
      new Option('--wait [seconds]', 'wait until requests reach it, and say what keeps it from that')
        .argParser(seconds)
        .preset(300)
        .default(verbs.speaker.isLocal ? undefined : 300),
    );
  if (verbs.speaker.isLocal) {
    command.addOption(
      new Option('-o, --output <format>', 'print the manifests and apply nothing').choices(['yaml', 'json']),
    );
    command.option('--owner <name>', 'whose it is; list shows it', verbs.speaker.owner);
    addFiles(command);
  }
  exemplify(command, verbs.speaker, [
    ['deploy fact-find-ui ww-green OPS-1234 --wait', 'the image tagged OPS-1234, until it is reached'],
    ['deploy ww-cms,ww-gateway ww-red TS-4122-cms-live --ttl 12h', 'two services, half a day'],
    [
      'deploy ww-cms ww-red TS-4122 --image registry.example.io/ww-cms@sha256:… --env LOG=debug',
      'that very image, with a variable',
    ],
  ]);
  addCluster(verbs, command, ['branches'], ['imageTag', 'ownerAnnotation', 'proxyContainers']);
  command.action(
    act(verbs, async (flags, settings, [services = '', namespace = '', branch = '']) => {
      const refused = forbidden(verbs, [namespace]);
      if (refused !== undefined) return refused;
      const { deploy } = await import('./deploy.ts');
      return deploy(
        {
          ...sourceOf(verbs, flags, [namespace]),
          services,
          namespace,
          branch,
          settings,
          images: texts(flags['image']),
          tag: flags['tag'] as string | undefined,
          env: texts(flags['env']),
          replicas: flags['replicas'] as number,
          ttl: flags['ttl'] as string | undefined,
          owner: (flags['owner'] as string | undefined) ?? verbs.speaker.owner ?? whoami(verbs),
          waitSeconds: flags['wait'] as number | undefined,
          output: flags['output'] as 'yaml' | 'json' | undefined,
        },
        verbs.io,
      );
    }),
  );
}

function addList(verbs: Verbs): void {
  const command = verbs.program
    .command('list')
    .description('list the branches that live, whether requests reach them, and how long they have');
  addNamespaces(command, true);
  command.addOption(
    new Option('-o, --output <format>', 'how they are printed')
      .choices(['table', 'wide', 'json', 'yaml'])
      .default('table'),
  );
  if (verbs.speaker.isLocal) {
    command.option('-w, --watch', 'print them again whenever something changed');
    addFiles(command);
  }
  exemplify(command, verbs.speaker, [
    ['list', 'of this namespace'],
    ['list --all -o wide', 'of every one, with the reason of each'],
    ...(verbs.speaker.isLocal
      ? [['list -f manifests/ --now 2026-12-24T18:00:00Z', 'as it would be then'] as const]
      : []),
  ]);
  addCluster(verbs, command, ['branches', 'lifecycle'], ['clusterDomain', 'settleMilliseconds']);
  command.action(
    act(verbs, async (flags, settings) => {
      const namespaces = namespacesOf(verbs, flags);
      const refused = forbidden(verbs, namespaces);
      if (refused !== undefined) return refused;
      const { list } = await import('./list.ts');
      return list(
        {
          ...sourceOf(verbs, flags, namespaces),
          output: flags['output'] as 'table' | 'wide' | 'json' | 'yaml',
          watch: flags['watch'] === true,
          settings,
        },
        verbs.io,
      );
    }),
  );
}

function addKeep(verbs: Verbs): void {
  const command = verbs.program
    .command('keep')
    .description('keep a branch beyond its time, and wake it when it sleeps')
    .argument('<branch>', 'its name')
    .option('--for <lifetime>', 'from now on for so long, e.g. 7d (default: for ever)')
    .addOption(new Option('--unkeep', 'let it go when its time is up, after all').conflicts('for'))
    .option('--service <services>', 'only these services of it, separated by commas');
  addNamespaces(command, false);
  exemplify(command, verbs.speaker, [
    ['keep OPS-1234 -n ww-green --for 7d', 'a week more'],
    ['keep OPS-1234 -n ww-green --unkeep', 'as if nobody had kept it'],
  ]);
  addCluster(verbs, command, ['branches', 'lifecycle']);
  command.action(
    act(verbs, async (flags, settings, [branch = '']) => {
      const namespaces = namespacesOf(verbs, flags);
      const refused = forbidden(verbs, namespaces) ?? unnamed(verbs, namespaces);
      if (refused !== undefined) return refused;
      const { keep } = await import('./keep.ts');
      return keep(
        {
          ...sourceOf(verbs, flags, namespaces),
          branch,
          services: flags['service'] as string | undefined,
          for: flags['for'] as string | undefined,
          unkeep: flags['unkeep'] === true,
          settings,
        },
        verbs.io,
      );
    }),
  );
}

function addDelete(verbs: Verbs): void {
  const command = verbs.program
    .command('delete')
    .description('remove a branch: its routes first, then its workloads')
    .argument('<branch>', 'its name')
    .option('--service <services>', 'only these services of it, separated by commas');
  if (verbs.speaker.isLocal) command.option('--force', 'also when its routes do not go');
  addNamespaces(command, false);
  exemplify(command, verbs.speaker, [['delete OPS-1234 -n ww-green', 'all of it in that namespace']]);
  addCluster(verbs, command, ['branches', 'lifecycle'], ['settleMilliseconds']);
  command.action(
    act(verbs, async (flags, settings, [branch = '']) => {
      const namespaces = namespacesOf(verbs, flags);
      const refused = forbidden(verbs, namespaces) ?? unnamed(verbs, namespaces);
      if (refused !== undefined) return refused;
      const { deleteBranch } = await import('./keep.ts');
      return deleteBranch(
        {
          ...sourceOf(verbs, flags, namespaces),
          branch,
          services: flags['service'] as string | undefined,
          force: flags['force'] === true,
          settings,
        },
        verbs.io,
      );
    }),
  );
}

function addHousekeep(verbs: Verbs): void {
  const command = verbs.program
    .command('housekeep')
    .description('end the branches whose time is up, or whose git branch is merged or gone')
    .option('--dry-run', 'say what would happen, to whom, why and when; change nothing')
    .option('--force', 'end them although they are many, the clock is doubtful, or routes still lead there')
    .addOption(
      new Option(
        '--max-days <days>',
        'days that a branch may live at most, whatever its namespace says',
      ).argParser(whole),
    )
    .option(
      '--merged-into <branch>',
      'end those whose git branch is merged into this one (merge, rebase or squash; a fast-forward cannot be told from a new branch: see --gone)',
    )
    .option('--repo <dir>', 'git repository; repeatable', gather)
    .option('--gone', 'end those that no remote has a git branch for')
    .option('--remote <remote>', 'remote of --repo, or a URL; repeatable', gather)
    .addOption(
      new Option('-o, --output <format>', 'how it is printed').choices(['text', 'json']).default('text'),
    );
  addNamespaces(command, true);
  addFiles(command);
  exemplify(command, verbs.speaker, [
    ['housekeep --all --dry-run', 'what is due'],
    ['housekeep --all', 'e.g. in a CronJob'],
    ['housekeep -n ww-green --merged-into main --repo . --dry-run', 'what was merged'],
    ['housekeep --all --gone --repo . --remote origin', 'whose branch was deleted'],
    [
      'housekeep -n ww-green,ww-red --max-days 3 --label-filter version,version!=master --warn-first false',
      'as kube-housekeeper did',
    ],
  ]);
  addCluster(verbs, command, ['branches', 'lifecycle'], ['settleMilliseconds']);
  command.action(
    act(verbs, async (flags, settings) => {
      const git = gitOf(flags, verbs.io);
      if (typeof git === 'number') return git;
      const { housekeep } = await import('./housekeep.ts');
      return housekeep(
        {
          ...sourceOf(verbs, flags, namespacesOf(verbs, flags)),
          dryRun: flags['dryRun'] === true,
          force: flags['force'] === true,
          maxDays: flags['maxDays'] as number | undefined,
          git,
          output: flags['output'] as 'text' | 'json',
          settings,
        },
        verbs.io,
      );
    }),
  );
}

function gitOf(flags: Flags, io: Io) {
  const [mergedInto, gone, repos, remotes] = [
    flags['mergedInto'] as string | undefined,
    flags['gone'] === true,
    texts(flags['repo']),
    texts(flags['remote']),
  ];
  if (mergedInto === undefined && !gone) return undefined;
  const missing =
    mergedInto !== undefined && repos.length === 0
      ? '--merged-into needs --repo: the git repository to ask'
      : gone && remotes.length === 0
        ? '--gone needs --remote: a remote of --repo, or a URL'
        : undefined;
  if (missing === undefined) return { mergedInto, gone, repos: repos.length > 0 ? repos : ['.'], remotes };
  io.err(`branchline: ${missing}\n`);
  return exitCodes.wrongUse;
}

/** Runs a verb: settings first, then what it does; an answer of the cluster that is a refusal is said and is 3. */
function act(
  verbs: Verbs,
  run: (flags: Flags, settings: Settings, words: readonly string[]) => Promise<ExitCode>,
) {
  return async (...given: readonly unknown[]): Promise<void> => {
    const words = given.filter((one) => typeof one === 'string');
    const flags = given.at(-2) as Flags;
    const settings = await verbs.settingsOf(flags);
    const { ClusterError } = await import('../cluster/port.ts');
    try {
      verbs.done(await run(flags, settings, words));
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      verbs.io.err(`branchline: ${error.message}\n`);
      verbs.done(exitCodes.worldRefused);
    }
  };
}

function sourceOf({ speaker }: Verbs, flags: Flags, namespaces: readonly string[]): Source {
  return {
    files: speaker.isLocal ? texts(flags['file']) : [],
    kubeconfig: undefined,
    context: flags['context'] as string | undefined,
    now: flags['now'] as string | undefined,
    namespaces,
  };
}

function namespacesOf({ speaker }: Verbs, flags: Flags): readonly string[] {
  if (flags['all'] === true) return speaker.namespaces?.includes('*') === false ? speaker.namespaces : ['*'];
  const named = texts(flags['namespace'])
    .flatMap((text) => text.split(','))
    .filter((text) => text !== '');
  return named.length > 0 || speaker.namespaces === undefined ? named : speaker.namespaces;
}

/** A chat may speak of some namespaces only. */
function forbidden({ speaker, io }: Verbs, namespaces: readonly string[]): ExitCode | undefined {
  const allowed = speaker.namespaces;
  if (allowed === undefined || allowed.includes('*')) return undefined;
  const foreign = namespaces.find((namespace) => !allowed.includes(namespace));
  if (foreign === undefined) return undefined;
  io.err(`namespace ${foreign} may not be asked for here; these may: ${allowed.join(', ')}\n`);
  return exitCodes.wrongUse;
}

/** A chat has no namespace of its own: where several may be asked for, a change names one. */
function unnamed({ speaker, io }: Verbs, namespaces: readonly string[]): ExitCode | undefined {
  if (speaker.isLocal || (namespaces.length === 1 && !namespaces.includes('*'))) return undefined;
  io.err('which namespace? Add -n and its name\n');
  return exitCodes.wrongUse;
}

function whoami({ io }: Verbs): string | undefined {
  return (
    io.environment['BRANCHLINE_OWNER'] ??
    io.environment['GITLAB_USER_LOGIN'] ??
    io.environment['GITHUB_ACTOR'] ??
    io.environment['USER']
  );
}

function addNamespaces(command: Command, several: boolean): void {
  command.option(
    '-n, --namespace <namespaces>',
    several
      ? "namespace, or several separated by commas (default: the context's)"
      : "namespace (default: the context's)",
    gather,
  );
  if (several) command.option('-A, --all', 'every namespace');
}

function addFiles(command: Command): void {
  command.option(
    '-f, --file <path>',
    'manifests in place of the cluster: file, folder or - for standard input; repeatable',
    gather,
  );
  command.option('--now <time>', 'the clock, e.g. 2026-12-24T18:00:00Z');
}

/** Flags as kubectl has them, where there is a machine to have them. */
function addCluster(
  verbs: Verbs,
  command: Command,
  groups: readonly SettingGroup[],
  also: readonly SettingKey[] = [],
): void {
  if (!verbs.speaker.isLocal) return;
  command.option('--context <name>', 'context of the kubeconfig (default: its current one)');
  verbs.withSettings(command, groups, [...also, 'kubeconfig', 'kubeContext']);
}

function exemplify(command: Command, speaker: Speaker, examples: readonly Example[]): void {
  addExamples(command, examples, speaker.isLocal ? 'branchline ' : '');
}

function gather(value: string, before: readonly string[] | undefined): readonly string[] {
  if (value === '') throw new InvalidArgumentError('it is empty');
  return [...(before ?? []), value];
}

function whole(value: string): number {
  if (!/^[0-9]{1,6}$/.test(value)) throw new InvalidArgumentError('it must be a whole number');
  return Number(value);
}

function seconds(value: string): number {
  const found = whole(value);
  if (found === 0) throw new InvalidArgumentError('it must be more than 0 seconds');
  return found;
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? (value as readonly string[]) : [];
}
