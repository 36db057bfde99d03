/**
 * Serving certificates of our own CA: the CA in a Secret that all replicas share, each one's leaf signed in memory and never written. A leaf is served only when
 * the CA that signed it is in every caBundle, so that no handshake fails. All replicas do the same steps; the Secret's version decides whose counts.
 */
import { X509Certificate } from 'node:crypto';
import { caSecretOf, type Settings } from '../config/settings.ts';
import { Conflict, type Writes } from '../cluster/writes.ts';
import {
  checkPair,
  readClientCa,
  type Certificates,
  type CertificateReport,
  type ServingPair,
} from '../webhook/certificates.ts';
import { issueLeaf, makeAuthority, type PemPair } from '../webhook/issue.ts';
import {
  askedOf,
  bundleOf,
  fromSecret,
  isCurrent,
  remainingShare,
  splitPem,
  step,
  takeOver,
  toSecret,
  type Authority,
} from './authority.ts';
import { bundlesIn, isTrusted, readConfigurations, trust, type Configurations } from './configurations.ts';
import { apiServerTime } from './probe.ts';
import { textAt, type JsonObject } from '../model/json.ts';

/** The settings that say where the CA is, for whom leaves are, and who is to trust them. */
type OwnCertificateSettings = Pick<
  Settings,
  'systemNamespace' | 'webhookConfiguration' | 'tlsNames' | 'caOverlapSeconds' | 'clientCaFile'
>;

/** What keeping them needs. */
export interface OwnCertificateSite {
  readonly settings: OwnCertificateSettings;
  readonly writes: Pick<Writes, 'read' | 'create' | 'replace'>;
  readonly report: CertificateReport;
}

/** Certificates that come with reasons why they cannot serve yet. */
export interface OwnCertificates extends Certificates {
  /** When our CA ends, in milliseconds since 1970; 0 while there is none. */
  readonly authorityExpires: number;
  /** Why no handshake would succeed, in words; empty when it would. */
  unready(): readonly string[];
}

const hour = 3_600_000;
const day = 24 * hour;
/** Short, since a leaf costs nothing; a CA is seen by people, so it is not. Both are replaced at two thirds. */
const leafLife = 7 * day;
const caLife = 365 * day;
/** API servers' clocks differ from each other. */
const skew = hour;
const renewShare = 1 / 3;

interface State {
  readonly site: OwnCertificateSite;
  authority: Authority | undefined;
  pair: ServingPair;
  signer: string;
  clientCa: string | undefined;
  reasons: readonly string[];
}

/** Starts with a certificate that nobody trusts, so that the server is there to say why; {@link Certificates.refresh} gets the real one. */
export async function openOwnCertificates(site: OwnCertificateSite, now: number): Promise<OwnCertificates> {
  const { clientCaFile } = site.settings;
  const pair = await makeLeaf(await makeAuthority(lifeFrom(now, caLife)), site.settings, now);
  const state: State = {
    site,
    authority: undefined,
    pair,
    signer: '',
    clientCa: clientCaFile === '' ? undefined : await readClientCa(clientCaFile),
    reasons: ['its CA was not read yet'],
  };
  let lastRefusal = '';
  return {
    get current() {
      return state.pair;
    },
    get clientCa() {
      return state.clientCa;
    },
    get authorityExpires() {
      return state.authority === undefined ? 0 : endOf(state.authority.active);
    },
    caFile: undefined,
    unready: () => state.reasons,
    async refresh() {
      const before = [state.pair, state.clientCa];
      try {
        await look(state);
        lastRefusal = '';
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        if (message !== lastRefusal)
          site.report({
            outcome: 'refused',
            message: `the CA in Secret ${caSecretOf(site.settings)} cannot be kept for now, and the certificate stays: ${message}`,
          });
        lastRefusal = message;
        if (state.signer === '') state.reasons = [`its CA cannot be had: ${message}`];
      }
      return state.pair !== before[0] || state.clientCa !== before[1];
    },
  };
}

/** Reads, steps, publishes, signs: in this order, since each rests on the one before. */
async function look(state: State): Promise<void> {
  const { settings, writes } = state.site;
  if (settings.clientCaFile !== '')
    state.clientCa = await readClientCa(settings.clientCaFile).catch(() => state.clientCa);
  const configurationSite = { writes, name: settings.webhookConfiguration };
  const now = await apiServerTime({
    writes,
    namespace: settings.systemNamespace,
    name: settings.webhookConfiguration,
  });
  const configurations = await readConfigurations(configurationSite);
  state.authority = await keepAuthority(state, configurations, now);
  const bundle = bundleOf(state.authority);
  if (await trust(configurationSite, configurations, bundle))
    state.site.report({
      outcome: 'loaded',
      message: `the webhook configurations trust ${splitPem(bundle).length} CA(s) now`,
    });
  const isPublished = isTrusted(await readConfigurations(configurationSite), bundle);
  state.reasons = isPublished
    ? []
    : [
        `webhook configurations ${settings.webhookConfiguration} do not trust its CA: they are not there, or somebody else writes their caBundle`,
      ];
  await keepLeaf(state, state.authority, now);
}

/** Brings the Secret to where it should be now. What another replica wrote meanwhile counts, and is read at the next look. */
async function keepAuthority(
  { site, authority: known }: State,
  configurations: Configurations,
  now: number,
): Promise<Authority> {
  const { settings, writes } = site;
  const place = { namespace: settings.systemNamespace, name: caSecretOf(settings) };
  const secret = await writes.read({ kind: 'Secret', ...place });
  const makeCa = (): Promise<PemPair> => makeAuthority(lifeFrom(now, caLife));
  const stored = fromSecret(secret?.object);
  const asked = askedOf(secret?.object);
  // Lost, or made unreadable: replicas that run have it in memory, so that nobody notices. Otherwise what is trusted so far stays so for a while.
  const start =
    stored !== undefined
      ? takeOver(stored, known, now)
      : (known ?? {
          active: await makeCa(),
          next: undefined,
          trusted: trustedSoFar(configurations, now),
          since: now,
          asked,
        });
  const overlapMilliseconds = settings.caOverlapSeconds * 1000;
  const isPublished = isTrusted(configurations, bundleOf(start));
  const wanted = await step(start, { now, overlapMilliseconds, asked, isPublished, makeCa });
  if (wanted === stored) return stored;
  const kept = await store(writes, toSecret(wanted, place, secret?.object), secret === undefined);
  if (kept === undefined)
    site.report({
      outcome: 'loaded',
      message: `the CA in Secret ${caSecretOf(settings)} was ${whatChanged(stored, wanted, known)}`,
    });
  return kept ?? wanted;
}

/** Writes the Secret. @returns what another replica wrote first; undefined when ours counts. */
async function store(
  writes: OwnCertificateSite['writes'],
  secret: JsonObject,
  isNew: boolean,
): Promise<Authority | undefined> {
  try {
    await (isNew ? writes.create(secret) : writes.replace(secret));
    return undefined;
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
    const [namespace, name] = [
      textAt(secret, 'metadata', 'namespace') ?? '',
      textAt(secret, 'metadata', 'name') ?? '',
    ];
    const theirs = fromSecret((await writes.read({ kind: 'Secret', namespace, name }))?.object);
    if (theirs === undefined) throw error;
    return theirs;
  }
}

function whatChanged(stored: Authority | undefined, wanted: Authority, known: Authority | undefined): string {
  if (stored === undefined) return known === undefined ? 'made' : 'put back from memory';
  if (wanted.next === stored.active)
    return 'another one; the one that signed so far does so until that is trusted';
  if (wanted.active !== stored.active) return 'replaced by the next one, which signs from now on';
  return wanted.next === stored.next
    ? 'freed of its predecessors'
    : 'given a successor, which is trusted from now on and signs after caOverlapSeconds';
}

function trustedSoFar(configurations: Configurations, now: number): readonly string[] {
  return [...new Set(bundlesIn(configurations).flatMap(splitPem))].filter((cert) => isCurrent(cert, now));
}

/** Signs a new leaf when the CA is another one, or a third of the leaf's life is left, or the time is not within it. */
async function keepLeaf(state: State, { active }: Authority, now: number): Promise<void> {
  const isFresh =
    state.signer === active.cert &&
    remainingShare(state.pair.cert, now) > renewShare &&
    remainingShare(state.pair.cert, now) <= 1;
  if (isFresh) return;
  state.pair = await makeLeaf(active, state.site.settings, now);
  state.signer = active.cert;
  state.site.report({
    outcome: 'loaded',
    message: `serving a certificate of our own CA, valid until ${new Date(state.pair.expires).toISOString()}`,
  });
}

async function makeLeaf(
  ca: PemPair,
  { tlsNames }: OwnCertificateSettings,
  now: number,
): Promise<ServingPair> {
  const life = lifeFrom(now, leafLife);
  const leaf = await issueLeaf(ca, tlsNames, { from: life.from, to: Math.min(life.to, endOf(ca)) });
  return checkPair(leaf.cert, leaf.key, now);
}

function endOf({ cert }: PemPair): number {
  return new X509Certificate(cert).validToDate.getTime();
}

function lifeFrom(now: number, milliseconds: number): { readonly from: number; readonly to: number } {
  return { from: now - skew, to: now + milliseconds };
}
