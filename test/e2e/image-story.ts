/** Images cannot be built everywhere, so the Dockerfile's own steps are run here: in an empty folder, with what .dockerignore lets through. */
import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { readContext, readStages, readStart, stepsOf } from '../image.ts';
import { createStory, expectEqual } from './steps.ts';

const root = join(import.meta.dirname, '../..');
const execute = promisify(execFile);
const story = createStory();
const work = await mkdtemp(join(tmpdir(), 'image-'));
const [contextFolder, buildFolder, imageFolder] = [
  join(work, 'context'),
  join(work, 'build'),
  join(work, 'image'),
];
const [builder] = readStages();
const { flags, script, env } = readStart();
const program = join(imageFolder, script.replace('/app/', ''));

try {
  for (const folder of [contextFolder, buildFolder, imageFolder]) await mkdir(folder);
  await story.step("the Dockerfile's steps make a bundle from what .dockerignore lets through", build);
  await story.step('the image has only what runs', copyToImage);
  await story.step('the bundle runs alone, without a folder that it may write to', runAlone);
  await story.step('chat, whose library is not in the image, says where to run it', refuseChat);
  await story.step('the bundle says to an older Node that it is too old', refuseOldNode);
} finally {
  await rm(work, { recursive: true, force: true });
}
process.exitCode = story.finish() ? 0 : 1;

async function build(): Promise<void> {
  for (const name of readContext())
    await cp(join(root, name), join(contextFolder, name), { recursive: true });
  for (const [instruction, rest] of builder?.steps ?? []) {
    if (instruction === 'COPY') await copy(contextFolder, buildFolder, rest.split(/\s+/));
    else if (instruction === 'RUN') await execute('sh', ['-c', rest], { cwd: buildFolder, maxBuffer: 1e8 });
  }
}

async function copyToImage(): Promise<void> {
  for (const [instruction, rest] of stepsOf('webhook')) {
    if (instruction !== 'COPY') continue;
    const words = rest.split(/\s+/).slice(1);
    await copy(
      buildFolder,
      imageFolder,
      words.map((word) => word.replace(/^\/src\//, '')),
    );
  }
  expectEqual((await readdir(imageFolder)).sort(), ['dist', 'package.json'], 'the files of the image');
  const files = ['agent.cjs', 'branchline.js', 'licences.txt', 'package.json'];
  expectEqual((await readdir(join(imageFolder, 'dist'))).sort(), files, 'the files of the program');
}

async function runAlone(): Promise<void> {
  await chmod(imageFolder, 0o555);
  const { stdout } = await execute(process.execPath, [...flags, program, '--version'], { cwd: '/', env });
  expectEqual(/^[0-9]+\.[0-9]+\.[0-9]+\n$/.test(stdout), true, `a version is printed, not ${stdout}`);
}

async function refuseChat(): Promise<void> {
  const ended = await end([...flags, program, 'chat']);
  expectEqual([ended.code, ended.stdout], [3, ''], 'exit code and output');
  expectEqual(
    /slack-bolt\.js.*--target chat/.test(ended.stderr),
    true,
    `it is said why, not ${ended.stderr}`,
  );
}

async function refuseOldNode(): Promise<void> {
  const asOlder =
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })";
  const preload = `data:text/javascript,${encodeURIComponent(asOlder)}`;
  const ended = await end(['--import', preload, program, '--version']);
  expectEqual([ended.code, ended.stdout], [3, ''], 'exit code and output');
  const isSaid = /^branchline needs Node 24 or newer, and this is v[0-9.]+\n$/.test(ended.stderr);
  expectEqual(isSaid, true, `it is said why, not ${ended.stderr}`);
}

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function end(words: readonly string[]): Promise<Ended> {
  return execute(process.execPath, words, { cwd: '/' }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: unknown) => error as Ended,
  );
}

/** Copies as `COPY a b target` does: a folder's contents, or files by name into a folder. */
async function copy(from: string, to: string, words: readonly string[]): Promise<void> {
  const target = words.at(-1) ?? '.';
  for (const source of words.slice(0, -1)) {
    const isInto = target.endsWith('/') || words.length > 2;
    await cp(join(from, source), join(to, isInto ? join(target, basename(source)) : target), {
      recursive: true,
    });
  }
}
