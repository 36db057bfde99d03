/** `branchline doctor --installation`: is the installation in the cluster whole, and does the API server reach it? Reads, and creates as a dry run only. */
import { X509Certificate } from 'node:crypto';
import { installationName, type Settings } from '../config/settings.ts';
import { openKubernetesWrites } from '../cluster/kubernetes-writes.ts';
import type { Writes } from '../cluster/writes.ts';
import { splitPem } from '../installation/authority.ts';
import {
  branchPolicies,
  bundlesIn,
  readConfigurations,
  type Configurations,
} from '../installation/configurations.ts';
import { probe } from '../installation/probe.ts';
import { textAt } from '../model/json.ts';
import { exitCodes, type ExitCode, type Io } from './io.ts';

/** One thing that was looked at. */
export interface Finding {
  readonly level: 'ok' | 'note' | 'problem';
  readonly what: string;
  /** What to do; empty when nothing. */
  readonly advice: string;
}

/** What the doctor looks at. */
export interface DoctorSite {
  readonly writes: Pick<Writes, 'read' | 'create'>;
  readonly settings: Pick<Settings, 'systemNamespace' | 'webhookConfiguration'>;
  readonly now: number;
}

/** Looks, and prints one line a finding. @returns 1 when there is a problem, 3 when the API server cannot be asked. */
export async function examineInstallation(settings: Settings, io: Io): Promise<ExitCode> {
  const writes = openKubernetesWrites({
    kubeconfig: settings.kubeconfig,
    context: settings.kubeContext,
    timeoutMilliseconds: 10_000,
  });
  try {
    const findings = await examine({
      writes,
      settings: {
        ...settings,
        webhookConfiguration: installationName(settings),
      },
      now: Date.now(),
    });
    for (const { level, what, advice } of findings)
      io.out(`${level.padEnd(7)} ${what}${advice === '' ? '' : `\n        ${advice}`}\n`);
    return findings.some(({ level }) => level === 'problem') ? exitCodes.problemsFound : exitCodes.fine;
  } catch (error) {
    io.err(
      `branchline: the cluster cannot be asked: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    return exitCodes.worldRefused;
  } finally {
    writes.close();
  }
}

/** Looks at everything, in the order in which a review depends on it. @throws {ClusterError} */
export async function examine(site: DoctorSite): Promise<readonly Finding[]> {
  const { writes, settings } = site;
  const configurations = await readConfigurations({
    writes: {
      read: (target) => writes.read(target),
      replace: () => Promise.reject(new Error('the doctor writes nothing')),
    },
    name: settings.webhookConfiguration,
  });
  return [
    ...configurationFindings(configurations, settings.webhookConfiguration),
    ...trustFindings(configurations, site.now),
    ...(await probeFindings(site)),
    ...policyFindings(configurations),
    ...(await leaseFindings(site)),
  ];
}

function configurationFindings(configurations: Configurations, name: string): readonly Finding[] {
  return configurations.map(({ kind, found }) =>
    found === undefined
      ? {
          level: 'problem',
          what: `${kind} ${name} is not there`,
          advice: 'helm upgrade puts it back; with another name, say --webhook-configuration',
        }
      : { level: 'ok', what: `${kind} ${name} is there`, advice: '' },
  );
}

const dayMilliseconds = 86_400_000;
/** Own CAs and cert-manager's are replaced long before. */
const soonDays = 14;

function trustFindings(configurations: Configurations, now: number): readonly Finding[] {
  const bundles = bundlesIn(configurations);
  if (bundles.length === 0)
    return [
      {
        level: 'problem',
        what: 'no caBundle is set, so the API server trusts no certificate of ours',
        advice:
          "the server sets it (certificates.mode self) when it runs and may: see its log; or cert-manager's cainjector does",
      },
    ];
  const several: readonly Finding[] =
    bundles.length === 1
      ? []
      : [
          {
            level: 'note',
            what: `webhooks have ${bundles.length} different caBundles`,
            advice: 'a rotation is under way, or somebody else writes some of them',
          },
        ];
  const ends = [...new Set(bundles.flatMap(splitPem))].map((pem) =>
    new X509Certificate(pem).validToDate.getTime(),
  );
  const days = Math.floor((Math.max(...ends) - now) / dayMilliseconds);
  const life: Finding =
    days < soonDays
      ? {
          level: 'problem',
          what: `the newest CA that is trusted ${days < 0 ? 'has ended' : `ends in ${days} days`}`,
          advice:
            "it is replaced by itself long before: the server's or cert-manager's log says what stands in the way",
        }
      : { level: 'ok', what: `the CA that is trusted ends in ${days} days`, advice: '' };
  return [...several, life];
}

async function probeFindings({ writes, settings }: DoctorSite): Promise<readonly Finding[]> {
  const { outcome, reason } = await probe({
    writes,
    namespace: settings.systemNamespace,
    name: settings.webhookConfiguration,
  });
  if (outcome === 'right')
    return [
      {
        level: 'ok',
        what: 'the API server reaches branchline: a probe was mutated, another refused, as they must be',
        advice: '',
      },
    ];
  const advice =
    outcome === 'wrong'
      ? 'the API server\'s log says "failed calling webhook": no ready pod, a network policy or firewall between it and webhookPort, or a certificate that it does not trust'
      : 'the probe needs the right to create ConfigMaps (as a dry run) in the namespace of branchline';
  return [{ level: 'problem', what: `the API server does not get through to branchline: ${reason}`, advice }];
}

function policyFindings(configurations: Configurations): readonly Finding[] {
  const policies = [...new Set(branchPolicies(configurations))];
  if (policies.length === 0) return [];
  if (policies.length === 1 && policies[0] === 'Fail')
    return [{ level: 'ok', what: 'branches wait for branchline (failurePolicy Fail)', advice: '' }];
  return [
    {
      level: 'note',
      what: `branches do not wait for branchline (failurePolicy ${policies.join(', ')})`,
      advice: 'with branchFailurePolicy Earned it becomes Fail within two probes that come back right',
    },
  ];
}

async function leaseFindings({ writes, settings }: DoctorSite): Promise<readonly Finding[]> {
  const lease = await writes.read({
    kind: 'Lease',
    namespace: settings.systemNamespace,
    name: installationName(settings),
  });
  const holder = textAt(lease?.object, 'spec', 'holderIdentity') ?? '';
  return [
    holder === ''
      ? {
          level: 'note',
          what: 'no replica writes routes',
          advice: 'fine with settings.controller false; else see the log for "leader election"',
        }
      : { level: 'ok', what: `routes are written by ${holder}`, advice: '' },
  ];
}
