/** The command line: verbs, flags from the settings table, help. Wiring only. */
import { readFile } from 'node:fs/promises';
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { loadSettings } from '../config/load.ts';
import {
  environmentOf,
  flagOf,
  settingKeys,
  settingsTable,
  showDefault,
  type SettingKey,
  type Settings,
} from '../config/settings.ts';
import type { SettingGroup } from '../config/setting.ts';
import { toLine } from '../model/problem.ts';
import type { CheckOutput, CheckSeverity } from './check.ts';
import { candidates, scriptFor, shells, type Shell } from './completion.ts';
import { addExamples, examples } from './examples.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';
import { addBranchVerbs, person, type Speaker } from './verbs.ts';

/** Runs one command line (without `node` and the script). @returns the exit code; throws only bugs. */
export async function runProgram(argv: readonly string[], version: string, io: Io): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.fine;
  const program = new Command('branchline')
    .description('Branch routing on Kubernetes: deploy only the service that changed, beside the baseline.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        io.out(text);
      },
      writeErr: (text) => {
        io.err(text);
      },
    })
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      '\nEvery setting is also an environment variable (BRANCHLINE_...) or a line of the --config file; flags win, then the environment.\nExit codes: 0 fine, 1 problems found, 2 wrong use, 3 the world refused.',
    );
  addServe(program, io, (code) => {
    exitCode = code;
  });
  addReview(program, io, (code) => {
    exitCode = code;
  });
  addCheck(program, io, (code) => {
    exitCode = code;
  });
  addRender(program, io, (code) => {
    exitCode = code;
  });
  addExplain(program, io, (code) => {
    exitCode = code;
  });
  addDoctor(program, io, (code) => {
    exitCode = code;
  });
  addChat(program, io, (code) => {
    exitCode = code;
  });
  addBranchVerbs({
    program,
    io,
    speaker: person,
    done: (code) => {
      exitCode = code;
    },
    withSettings: (command, groups, also) => {
      addSettings(inherit(command, program), groups, also);
    },
    settingsOf: (flags) => settingsOf(flags, io),
  });
  addCompletion(program, io);
  addUninstall(program, io, (code) => {
    exitCode = code;
  });
  for (const command of program.commands)
    if (examples[command.name()] !== undefined) addExamples(command, examples[command.name()] ?? []);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.fine : exitCodes.wrongUse;
    if (error instanceof SettingsError) {
      io.err(`${error.message}\n`);
      return exitCodes.wrongUse;
    }
    throw error;
  }
}

/** Runs one line of a chat: the same verbs and words, without what is local to a machine. @returns the exit code; throws only bugs. */
async function runWords(
  words: readonly string[],
  { speaker, settings }: { readonly speaker: Speaker; readonly settings: Settings },
  io: Io,
): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.fine;
  const program = new Command('')
    .usage('<command>')
    .description('Branches of services, from this channel.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        io.out(text);
      },
      writeErr: (text) => {
        io.err(text);
      },
    })
    .showSuggestionAfterError();
  addBranchVerbs({
    program,
    io,
    speaker,
    done: (code) => {
      exitCode = code;
    },
    withSettings: () => undefined,
    settingsOf: () => Promise.resolve(settings),
  });
  for (const command of program.commands) command.copyInheritedSettings(program);
  try {
    await program.parseAsync(words.length === 0 ? ['help'] : words, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.fine : exitCodes.wrongUse;
    throw error;
  }
}

function addCompletion(program: Command, io: Io): void {
  program
    .command('completion')
    .description('print a script that completes command lines')
    .addArgument(new Argument('<shell>', 'whose').choices(shells))
    .copyInheritedSettings(program)
    .action((shell: Shell) => {
      io.out(scriptFor(shell));
    });
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .copyInheritedSettings(program)
    .action((words: readonly string[]) => {
      io.out(
        candidates(program, words)
          .map((one) => `${one}\n`)
          .join(''),
      );
    });
}

function addChat(program: Command, io: Io, done: Done): void {
  const command = inherit(program.command('chat'), program).description(
    'serve a Slack slash command and mentions: deploy, list, keep, delete',
  );
  addSettings(
    command,
    ['cluster', 'branches', 'lifecycle', 'chat'],
    ['settleMilliseconds', 'proxyContainers', 'logLevel'],
  );
  command.action(async (flags: Record<string, unknown>) => {
    const settings = await settingsOf(flags, io);
    const { chat } = await import('./chat.ts');
    done(await chat(settings, io, runWords));
  });
}

type Done = (code: ExitCode) => void;

function addServe(program: Command, io: Io, done: Done): void {
  const command = inherit(program.command('serve'), program).description(
    'serve the admission webhook (TLS), health and metrics, against a cluster or a folder of manifests',
  );
  addSettings(command, [
    'server',
    'certificates',
    'cluster',
    'controller',
    'branches',
    'lifecycle',
    'routes',
    'propagation',
  ]);
  command.action(async (flags: Record<string, unknown>) => {
    const settings = await settingsOf(flags, io);
    const { serve } = await import('./serve.ts');
    done(await serve(settings, io));
  });
}

function addUninstall(program: Command, io: Io, done: Done): void {
  const command = inherit(program.command('uninstall'), program)
    .description(
      'take routes, gates, finalizers and annotations of ours out of the cluster, in the order that keeps the baselines whole',
    )
    .addOption(
      new Option('--timeout-seconds <seconds>', 'give up after so long and say what is left')
        .argParser(seconds)
        .default(120),
    );
  addSettings(
    command,
    ['controller', 'branches', 'routes'],
    ['kubeconfig', 'kubeContext', 'clusterDomain', 'webhookConfiguration'],
  );
  command.action(async (flags: Record<string, unknown>) => {
    const settings = await settingsOf(flags, io);
    const { uninstall } = await import('./uninstall.ts');
    done(await uninstall({ settings, timeoutSeconds: flags['timeoutSeconds'] as number }, io));
  });
}

function seconds(value: string): number {
  if (!/^[1-9][0-9]{0,4}$/.test(value)) throw new InvalidArgumentError('write a number of seconds');
  return Number(value);
}

function addReview(program: Command, io: Io, done: Done): void {
  const command = inherit(program.command('review'), program)
    .description(
      'say what the webhook would say to these manifests, with the manifests themselves as the cluster',
    )
    .addOption(
      new Option('-f, --file <path>', 'file, folder or - for standard input; repeatable')
        .argParser(gather)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('-o, --output <format>', 'objects after admission, or the patches')
        .choices(['yaml', 'json', 'patch'])
        .default('yaml'),
    );
  addSettings(command, ['branches', 'propagation'], ['clusterDomain', 'istioRootNamespace', 'regexReaders']);
  command.action(async (flags: Record<string, unknown>) => {
    const settings = await settingsOf(flags, io);
    const { review } = await import('./review.ts');
    done(
      await review(
        {
          files: flags['file'] as readonly string[],
          output: flags['output'] as 'yaml' | 'json' | 'patch',
          settings,
        },
        io,
      ),
    );
  });
}

function addCheck(program: Command, io: Io, done: Done): void {
  const command = inherit(program.command('check'), program)
    .description(
      'find what is wrong with VirtualServices, DestinationRules, HTTPRoutes and GRPCRoutes: with the manifests themselves as the cluster, or in a cluster',
    )
    .addOption(
      new Option('-f, --file <path>', 'file, folder or - for standard input; repeatable').argParser(gather),
    )
    .addOption(
      new Option(
        '--cluster',
        'the routes of a cluster, read only; with -f: these manifests among what the cluster has',
      ),
    )
    .addOption(
      new Option('-n, --namespace <name>', 'only routes of this namespace; repeatable').argParser(gather),
    )
    .addOption(
      new Option('-o, --output <format>', 'for people, for programs, for code hosts')
        .choices(['text', 'json', 'sarif'])
        .default('text'),
    )
    .addOption(
      new Option('--fail-on <severity>', 'exit with 1 from this severity on')
        .choices(['error', 'warning'])
        .default('error'),
    );
  addSettings(
    command,
    ['branches'],
    ['kubeconfig', 'kubeContext', 'clusterDomain', 'istioRootNamespace', 'regexReaders'],
  );
  command.action(async (flags: Record<string, unknown>) => {
    const [files, cluster] = [(flags['file'] ?? []) as readonly string[], flags['cluster'] === true];
    if (files.length === 0 && !cluster) command.error('error: name what to check: -f <path>, or --cluster');
    const settings = await settingsOf(flags, io);
    const { check } = await import('./check.ts');
    const request = {
      files,
      cluster,
      namespaces: (flags['namespace'] ?? []) as readonly string[],
      settings,
      version: program.version() ?? '',
      output: flags['output'] as CheckOutput,
      failOn: flags['failOn'] as CheckSeverity,
    };
    done(await check(request, io));
  });
}

function addRender(program: Command, io: Io, done: Done): void {
  const command = inherit(program.command('render'), program)
    .description('print the routes that these manifests make, with the manifests themselves as the cluster')
    .addOption(
      new Option('-f, --file <path>', 'file, folder or - for standard input; repeatable')
        .argParser(gather)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('-o, --output <format>', 'how objects are printed')
        .choices(['yaml', 'json'])
        .default('yaml'),
    )
    .addOption(
      new Option(
        '--api <api>',
        "kinds of object: Istio's own, or those of the Gateway API (HTTPRoute, GRPCRoute and a Service for each version)",
      )
        .choices(['istio', 'gateway'])
        .default('istio'),
    )
    .addOption(
      new Option('--diff', 'print what would change of the route objects in the manifests, phase by phase'),
    );
  addSettings(command, ['branches', 'routes'], ['clusterDomain']);
  command.action(async (flags: Record<string, unknown>) => {
    const settings = await settingsOf(flags, io);
    const { render } = await import('./render.ts');
    done(
      await render(
        {
          files: flags['file'] as readonly string[],
          output: flags['output'] as 'yaml' | 'json',
          api: flags['api'] as 'istio' | 'gateway',
          diff: flags['diff'] === true,
          settings,
        },
        io,
      ),
    );
  });
}

function addExplain(program: Command, io: Io, done: Done): void {
  const command = inherit(program.command('explain'), program)
    .description('say where a request goes and why, by the routes that these manifests make and hold')
    .addOption(
      new Option('-f, --file <path>', 'file, folder or - for standard input; repeatable')
        .argParser(gather)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--from <who>', 'gateway, or the Service that calls (SERVICE or NAMESPACE/SERVICE)').default(
        'gateway',
      ),
    )
    .addOption(
      new Option(
        '--gateway <gateway>',
        'Gateway through which the request comes, as NAMESPACE/NAME; where the Gateways of the host differ',
      ),
    )
    .addOption(new Option('--host <host>', 'public host, or the name of the Service that is called'))
    .addOption(new Option('--path <path>', 'path, with its query').default('/'))
    .addOption(
      new Option('--header <header>', "request header, as 'name: value'; repeatable").argParser(gather),
    )
    .addOption(
      new Option(
        '--all',
        'every service in place of one: which version serves the branch of --header or --host, and why',
      ),
    )
    .addOption(
      new Option('-o, --output <format>', 'how it is printed').choices(['text', 'json']).default('text'),
    );
  addSettings(command, ['branches', 'routes'], ['clusterDomain']);
  command.action(async (flags: Record<string, unknown>) => {
    const settings = await settingsOf(flags, io);
    const { explainRequest } = await import('./explain.ts');
    done(
      await explainRequest(
        {
          files: flags['file'] as readonly string[],
          from: flags['from'] as string,
          gateway: flags['gateway'] as string | undefined,
          host: flags['host'] as string | undefined,
          path: flags['path'] as string,
          headers: (flags['header'] ?? []) as readonly string[],
          all: flags['all'] === true,
          output: flags['output'] as 'text' | 'json',
          settings,
        },
        io,
      ),
    );
  });
}

function addDoctor(program: Command, io: Io, done: Done): void {
  const command = inherit(program.command('doctor'), program)
    .description(
      "say which pods that a branch's requests pass through carry its header on, and what to do about the others; or whether the installation itself is whole",
    )
    .addOption(
      new Option(
        '--installation',
        'the installation in the cluster: webhook configurations, certificates, and whether the API server reaches it',
      ).conflicts(['file', 'namespace', 'branch', 'output']),
    )
    .addOption(
      new Option(
        '-f, --file <path>',
        'manifests in place of the cluster: file, folder or - for standard input; repeatable',
      ).argParser(gather),
    )
    .addOption(new Option('-n, --namespace <name>', 'only this namespace'))
    .addOption(new Option('--branch <name>', 'only namespaces that have this branch'))
    .addOption(
      new Option('-o, --output <format>', 'how it is printed').choices(['text', 'json']).default('text'),
    )
    .option('--context <name>', 'context of the kubeconfig (default: its current one)');
  addSettings(
    command,
    ['branches', 'propagation'],
    ['kubeconfig', 'kubeContext', 'clusterDomain', 'systemNamespace', 'webhookConfiguration'],
  );
  command.action(async (flags: Record<string, unknown>) => {
    const settings = await settingsOf(
      { ...flags, kubeContext: flags['context'] ?? flags['kubeContext'] },
      io,
    );
    if (flags['installation'] === true) {
      const { examineInstallation } = await import('./installation.ts');
      done(await examineInstallation(settings, io));
      return;
    }
    const { doctor } = await import('./doctor.ts');
    const asked = {
      files: (flags['file'] ?? []) as readonly string[],
      namespace: flags['namespace'] as string | undefined,
      branch: flags['branch'] as string | undefined,
    };
    done(await doctor({ ...asked, output: flags['output'] as 'text' | 'json', settings }, io));
  });
}

/** Subcommands answer through our io and never end the process themselves. */
function inherit(command: Command, program: Command): Command {
  return command
    .copyInheritedSettings(program)
    .addOption(new Option('--config <file>', 'YAML file of settings').env('BRANCHLINE_CONFIG'));
}

function addSettings(
  command: Command,
  groups: readonly SettingGroup[],
  also: readonly SettingKey[] = [],
): void {
  for (const key of settingKeys.filter(
    (one) => groups.includes(settingsTable[one].group) || also.includes(one),
  )) {
    const { help, schema } = settingsTable[key];
    const fallback = showDefault(key);
    const shown = `${help}${fallback === '' ? '' : ` (default: ${fallback})`} [${environmentOf(key)}]`;
    const option = new Option(
      `${flagOf(key)} ${schema.type === 'boolean' ? '[true|false]' : '<value>'}`,
      shown,
    );
    command.addOption(
      (schema.type === 'array' ? option.argParser(gather) : option).helpGroup(`${settingsTable[key].group}:`),
    );
  }
}

function gather(value: string, before: readonly string[] | undefined): readonly string[] {
  if (value === '') throw new InvalidArgumentError('it is empty');
  return [...(before ?? []), value];
}

class SettingsError extends Error {}

async function settingsOf(flags: Readonly<Record<string, unknown>>, io: Io): Promise<Settings> {
  const file = flags['config'] as string | undefined;
  const text =
    file === undefined
      ? undefined
      : await readFile(file, 'utf8').catch((error: unknown) => {
          throw new SettingsError(
            `cannot read the settings file: ${error instanceof Error ? error.message : String(error)}`,
          );
        });
  const given = Object.fromEntries(
    settingKeys
      .filter((key) => flags[key] !== undefined)
      .map((key) => [key, flags[key] === true ? 'true' : flags[key]]),
  );
  const loaded = loadSettings({
    flags: given,
    environment: io.environment,
    ...(file === undefined || text === undefined ? {} : { file: { name: file, text } }),
  });
  if ('problems' in loaded) throw new SettingsError(loaded.problems.map(toLine).join('\n'));
  return loaded.settings;
}
