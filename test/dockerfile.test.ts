/** Images cannot be built everywhere, so the Dockerfile's own steps are run here: in an empty folder, with what .dockerignore lets through. */
import { execFile, spawnSync } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'tap';
import { readStages, readStart } from './image.ts';

const root = join(import.meta.dirname, '..');
const run = promisify(execFile);

/** The build context: what .dockerignore names with `!`, as git has it. */
async function context(folder: string): Promise<void> {
  const allowed = (await readFile(join(root, '.dockerignore'), 'utf8'))
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  for (const name of allowed) await cp(join(root, name), join(folder, name), { recursive: true });
}

/** Copies as `COPY a b target` does: a folder's contents, or files by name into a folder. */
async function copy(from: string, to: string, words: readonly string[]): Promise<void> {
  const target = words.at(-1) ?? '.';
  for (const source of words.slice(0, -1)) {
    const isInto = target.endsWith('/') || words.length > 2;
    await cp(join(from, source), join(to, isInto ? join(target, source) : target), { recursive: true });
  }
}

test(
  "the Dockerfile's steps make a bundle that runs alone, as a numeric user",
  { timeout: 240_000 },
  async (t) => {
    const work = await mkdtemp(join(tmpdir(), 'image-'));
    t.teardown(() => rm(work, { recursive: true, force: true }));
    const [contextFolder, build, image] = ['context', 'build', 'image'].map((name) => join(work, name)) as [
      string,
      string,
      string,
    ];
    for (const folder of [contextFolder, build, image]) await mkdir(folder);
    await context(contextFolder);
    const [builder, final] = readStages();
    t.equal(builder?.name, 'build');
    for (const [instruction, rest] of builder?.steps ?? []) {
      if (instruction === 'COPY') await copy(contextFolder, build, rest.split(/\s+/));
      else if (instruction === 'RUN') await run('sh', ['-c', rest], { cwd: build, maxBuffer: 1e8 });
      else t.equal(instruction, 'WORKDIR');
    }
    for (const [instruction, rest] of final?.steps ?? []) {
      if (instruction !== 'COPY') continue;
      const [from, ...words] = rest.split(/\s+/);
      t.equal(from, '--from=build');
      await copy(
        build,
        image,
        words.map((word) => word.replace(/^\/src\//, '')),
      );
    }
    const said = new Map(final?.steps ?? []);
    t.notOk(said.has('RUN'), 'nothing is installed in the image that runs');
    t.match(said.get('USER') ?? '', /^[1-9][0-9]+:[1-9][0-9]+$/, 'runAsNonRoot can be checked');
    const { flags, script, env } = readStart();
    t.equal(script, '/app/dist/branchline.js');
    t.same((await readdir(image)).sort(), ['dist', 'package.json'], 'only what runs');
    await chmod(image, 0o555);
    const ran = spawnSync(
      process.execPath,
      [...flags, join(image, script.replace('/app/', '')), '--version'],
      { encoding: 'utf8', cwd: '/', env },
    );
    t.equal(ran.status, 0, ran.stderr);
    t.match(ran.stdout, /^[0-9]+\.[0-9]+\.[0-9]+\n$/);
    const asOlder =
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })";
    const old = spawnSync(
      process.execPath,
      [
        '--import',
        `data:text/javascript,${encodeURIComponent(asOlder)}`,
        join(image, script.replace('/app/', '')),
        '--version',
      ],
      { encoding: 'utf8', cwd: '/' },
    );
    t.same([old.status, old.stdout], [3, '']);
    t.match(old.stderr, /^branchline needs Node 24 or newer, and this is v[0-9.]+\n$/);
  },
);
