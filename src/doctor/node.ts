/** What images and commands show of the Node that runs the agent. */
import { listAt, textAt, type JsonObject } from '../model/json.ts';
import type { Placed } from '../admission/pods/containers.ts';
import type { Check, Finding } from './check.ts';
import { gather, type Said } from './findings.ts';
import type { PodState } from './world.ts';

type Version = readonly [major: number, minor: number | undefined, patch: number | undefined];

/** First release of a line in which a stack overflow can still be caught while a request's context is kept (CVE-2025-59466). @see https://github.com/nodejs/security-wg/blob/main/vuln/core/161.json */
const fixedIn: ReadonlyMap<number, readonly [minor: number, patch: number]> = new Map([
  [20, [20, 0]],
  [22, [22, 0]],
  [24, [13, 0]],
  [25, [3, 0]],
]);
/** Oldest that the agent works in; on older ones it does nothing. */
const agentNeeds = { major: 16, minor: 17 };
/** From here on a request's context costs next to nothing; before, each `await` of a process that has seen a branch costs about 0.17 µs. */
const cheapContextMajor = 24;

/** Which Node do the images name? Only those of Node itself do, in their tag. */
export const nodeVersionCheck: Check = {
  name: 'node-version',
  question: 'Is a Node with known faults in use?',
  run: ({ pods, planned }) =>
    gather(
      'node-version',
      [...pods, ...planned].filter(({ wantsAgent }) => wantsAgent).flatMap(sayOfVersions),
    ),
};

function sayOfVersions(pod: PodState): readonly Said[] {
  return pod.chosen.flatMap((chosen): readonly Said[] => {
    const version = nodeVersionOf(textAt(chosen.container, 'image') ?? '');
    if (version === undefined) return [];
    const fault = faultOf(version);
    return fault === undefined
      ? []
      : [{ pod, ...fault, message: `container ${chosen.name}: ${fault.message}` }];
  });
}

/** Reads the version from an image that is Node's own, e.g. `node:20.11-alpine` or `gcr.io/distroless/nodejs22-debian12`; undefined for any other. */
export function nodeVersionOf(image: string): Version | undefined {
  const [, major, minor, patch] =
    /(?:^|\/)(?:node:v?|nodejs)(\d{1,3})(?:\.(\d{1,4}))?(?:\.(\d{1,4}))?(?:[-:@]|$)/.exec(image) ?? [];
  const number = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : Number(text);
  return major === undefined ? undefined : [Number(major), number(minor), number(patch)];
}

type Fault = Pick<Said, 'severity' | 'message' | 'fix'>;

const crash = "a stack overflow while a branch's request is served ends the process (CVE-2025-59466)";

/** The worst that is known of a version; a tag without a patch is taken for the newest of its line. */
function faultOf(version: Version): Fault | undefined {
  const [major] = version;
  const shown = version.filter((part) => part !== undefined).join('.');
  if (isOlder(version, [agentNeeds.major, agentNeeds.minor, 0])) {
    return {
      severity: 'problem',
      message: `Node ${shown} is older than ${agentNeeds.major}.${agentNeeds.minor}, where the header agent does nothing`,
      fix: 'use a Node that is maintained',
    };
  }
  if (major < 20)
    return {
      severity: 'note',
      message: `Node ${shown} is not maintained, and ${crash}`,
      fix: `use Node ${cheapContextMajor}`,
    };
  const fixed = fixedIn.get(major);
  if (fixed !== undefined && isOlder(version, [major, ...fixed]))
    return {
      severity: 'note',
      message: `Node ${shown}: ${crash}`,
      fix: `use ${major}.${fixed.join('.')} or newer`,
    };
  if (major >= cheapContextMajor) return undefined;
  return {
    severity: 'note',
    message: `Node ${shown}: once a process has seen a branch, each await costs about 0.17 µs more`,
    fix: `use Node ${cheapContextMajor}, where it does not`,
  };
}

function isOlder(
  [major, minor, patch]: Version,
  [otherMajor, otherMinor, otherPatch]: readonly [number, number, number],
): boolean {
  if (major !== otherMajor || minor === undefined) return major < otherMajor;
  return minor < otherMinor || (minor === otherMinor && patch !== undefined && patch < otherPatch);
}

/** Is the agent's place in NODE_OPTIONS given away again before node starts? */
export const nodeOptionsCheck: Check = {
  name: 'node-options',
  question: 'Does a command hide the NODE_OPTIONS that load the agent?',
  run: (world) =>
    gather(
      'node-options',
      [...world.pods, ...world.planned]
        .filter(({ wantsAgent }) => wantsAgent)
        .flatMap((pod) => pod.chosen.flatMap((chosen) => sayOfCommand(pod, chosen))),
    ),
};

function sayOfCommand(pod: PodState, { name, container }: Placed): readonly Said[] {
  const how = hidesOptions(container);
  return how === undefined
    ? []
    : [
        {
          pod,
          severity: 'problem',
          message: `container ${name}: its command ${how}, so node does not load the header agent`,
          fix: 'set NODE_OPTIONS in env in place of the command',
        },
      ];
}

/** What a command line shows; scripts and the image's own entrypoint cannot be seen. */
function hidesOptions(container: JsonObject): string | undefined {
  const words = [...listAt(container, 'command'), ...listAt(container, 'args')].filter(
    (word) => typeof word === 'string',
  );
  const line = words.join(' ');
  if (/(?:^|[\s;&|"'])NODE_OPTIONS=(?!\S*\$\{?NODE_OPTIONS)(?!["'][^"']*\$\{?NODE_OPTIONS)/.test(line))
    return 'sets NODE_OPTIONS itself';
  if (/(?:^|[\s;&|/])unset\s+(?:-v\s+)?NODE_OPTIONS\b/.test(line)) return 'unsets NODE_OPTIONS';
  if (/(?:^|[\s;&|/])env\s+(?:-i\b|--ignore-environment\b|-\s|(?:-u|--unset=?)\s*NODE_OPTIONS\b)/.test(line))
    return 'starts with another environment (env)';
  return undefined;
}

/** What the API cannot show of a running pod, and how to ask it. */
export const unseenCheck: Check = {
  name: 'unseen',
  question: 'What can only the container itself tell?',
  run: ({ pods }) => unseen(pods.filter((pod) => pod.carrying.length > 0)),
};

function unseen(pods: readonly PodState[]): readonly Finding[] {
  const silent = pods.filter((pod) =>
    pod.chosen.some(
      ({ name, container }) =>
        pod.carrying.includes(name) && nodeVersionOf(textAt(container, 'image') ?? '') === undefined,
    ),
  );
  const [pod] = silent;
  const container = pod?.chosen.find(({ name }) => pod.carrying.includes(name))?.name;
  if (pod === undefined || container === undefined) return [];
  return [
    {
      check: 'unseen',
      severity: 'note',
      subject: `${silent.length} ${silent.length === 1 ? 'pod' : 'pods'}`,
      message:
        "their images do not tell their Node version, nor a NODE_OPTIONS of the image's own, which the pod's hides",
      fix: `ask one: kubectl -n ${pod.namespace} exec ${pod.name} -c ${container} -- node -p process.version`,
      pods: silent.map(({ name }) => name),
    },
  ];
}
