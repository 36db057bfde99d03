/** Findings about pods, one for each workload and sentence, however many of its pods it is true of. */
import type { Finding } from './check.ts';
import type { PodState } from './world.ts';

/** What is said of one pod. */
export interface Said {
  readonly pod: PodState;
  readonly severity: Finding['severity'];
  readonly message: string;
  readonly fix: string;
}

/** Gathers what is said of several pods of one workload, in the order of the first. */
export function gather(check: string, said: readonly Said[]): readonly Finding[] {
  const found = new Map<string, { readonly first: Said; readonly pods: string[] }>();
  for (const one of said) {
    const key = JSON.stringify([one.pod.namespace, one.pod.owner, one.severity, one.message]);
    const known = found.get(key);
    if (known === undefined) found.set(key, { first: one, pods: [one.pod.name] });
    else known.pods.push(one.pod.name);
  }
  return [...found.values()].map(({ first: { pod, severity, message, fix }, pods }) => ({
    check,
    severity,
    subject: subjectOf(pod),
    message,
    fix,
    pods,
  }));
}

function subjectOf({ namespace, owner }: PodState): string {
  const [kind = '', name = ''] = owner.split('/');
  return `${kind} ${namespace}/${name}`;
}
