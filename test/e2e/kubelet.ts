/** What a kubelet does with a pod that the API server holds, as far as the agent is concerned: environment, files, init containers; then a real process. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { at, listAt, textAt, type Labels } from '../../src/model/json.ts';

/** What a kubelet asks the API server and the registry for. */
export interface Sources {
  /** A ConfigMap's or Secret's data, decoded; undefined when it is not there. */
  readonly data: (kind: 'configmap' | 'secret', name: string) => Promise<Labels | undefined>;
  /** Image → folder that stands for its root. */
  readonly images: Readonly<Record<string, string>>;
}

/** A container's surroundings, made. */
export interface Room {
  readonly environment: Readonly<Record<string, string>>;
  /** Removes its files. */
  readonly clear: () => Promise<void>;
}

/** Makes the surroundings of a container. @throws Error where a kubelet would not start it: `ContainerCreating` or `CreateContainerConfigError`. */
export async function prepare(pod: unknown, containerName: string, sources: Sources): Promise<Room> {
  const folder = await mkdtemp(join(tmpdir(), 'pod-'));
  for (const volume of listAt(pod, 'spec', 'volumes')) await fillVolume(volume, folder, sources);
  const containers = [...listAt(pod, 'spec', 'initContainers'), ...listAt(pod, 'spec', 'containers')];
  for (const filler of containers.filter((one) => textAt(one, 'name') === 'branchline-agent'))
    await runFiller(filler, folder, sources);
  const container = containers.find((one) => textAt(one, 'name') === containerName);
  const resolved = await environmentOf(container, sources);
  const environment = Object.fromEntries(
    Object.entries(resolved).map(([name, value]) => [name, inRoom(value, container, folder)]),
  );
  return { environment, clear: () => rm(folder, { recursive: true, force: true }) };
}

/** The container's paths below a mount become those of the volume's folder. */
function inRoom(text: string, container: unknown, folder: string): string {
  return listAt(container, 'volumeMounts').reduce<string>(
    (current, mount) =>
      current.replaceAll(
        `${textAt(mount, 'mountPath') ?? ''}/`,
        `${join(folder, textAt(mount, 'name') ?? '')}/`,
      ),
    text,
  );
}

async function fillVolume(volume: unknown, folder: string, { data, images }: Sources): Promise<void> {
  const place = join(folder, textAt(volume, 'name') ?? '');
  await mkdir(place, { recursive: true });
  const configMap = textAt(volume, 'configMap', 'name');
  const image = textAt(volume, 'image', 'reference');
  if (configMap !== undefined) {
    const files = await data('configmap', configMap);
    if (files === undefined) throw new Error(`MountVolume.SetUp failed: configmap "${configMap}" not found`);
    for (const [name, text] of Object.entries(files)) await writeFile(join(place, name), text);
  }
  if (image !== undefined) await cp(images[image] ?? image, place, { recursive: true });
}

/** Its command is run, with the image's files in place of its root. */
async function runFiller(filler: unknown, folder: string, { images }: Sources): Promise<void> {
  const root = images[textAt(filler, 'image') ?? ''] ?? '';
  const [program = '', from = '', to = ''] = listAt(filler, 'command').filter(
    (word) => typeof word === 'string',
  );
  await promisify(execFile)(program, [join(root, from), inRoom(to, filler, folder)]);
}

/** @see https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables) */
async function environmentOf(
  container: unknown,
  { data }: Sources,
): Promise<Readonly<Record<string, string>>> {
  const known = new Map<string, string>();
  for (const source of listAt(container, 'envFrom')) {
    const kind = at(source, 'configMapRef') === undefined ? 'secret' : 'configmap';
    const reference = at(source, kind === 'secret' ? 'secretRef' : 'configMapRef');
    const found = await data(kind, textAt(reference, 'name') ?? '');
    if (found === undefined && at(reference, 'optional') !== true)
      throw new Error(`${kind} "${textAt(reference, 'name') ?? ''}" not found`);
    for (const [key, value] of Object.entries(found ?? {}))
      known.set(`${textAt(source, 'prefix') ?? ''}${key}`, value);
  }
  for (const variable of listAt(container, 'env')) {
    const name = textAt(variable, 'name') ?? '';
    const reference = at(variable, 'valueFrom', 'configMapKeyRef');
    if (reference === undefined) known.set(name, expand(textAt(variable, 'value') ?? '', known));
    else
      known.set(
        name,
        (await data('configmap', textAt(reference, 'name') ?? ''))?.[textAt(reference, 'key') ?? ''] ?? '',
      );
  }
  return Object.fromEntries(known);
}

/** A reference that nothing resolves stays as it is written; `$$` is one `$`. @see https://github.com/kubernetes/kubernetes/blob/v1.37.2/third_party/forked/golang/expansion/expand.go */
function expand(text: string, known: ReadonlyMap<string, string>): string {
  return text.replace(
    /\$(?:(\$)|\(([^)]*)\))/g,
    (whole, dollar: string | undefined, name: string | undefined) => dollar ?? known.get(name ?? '') ?? whole,
  );
}

/** A process that listens. */
export interface Hop {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** Starts a hop with a container's environment and nothing of ours but `PATH`. @throws Error with what it wrote, when it ends before it listens. */
export async function startHop(
  environment: Readonly<Record<string, string>>,
  next: string | undefined,
): Promise<Hop> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'hop.ts')], {
    env: { PATH: process.env['PATH'] ?? '', ...environment, ...(next === undefined ? {} : { NEXT: next }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const port = once(createInterface(child.stdout), 'line').then(([line]) => String(line));
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`node ended with ${String(code)}:\n${complaint}`);
  });
  ended.catch(() => undefined);
  return { url: `http://127.0.0.1:${await Promise.race([port, ended])}/`, stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
