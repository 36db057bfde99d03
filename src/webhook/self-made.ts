/** A CA and serving pair of our own making, kept in a folder, for machines where nobody gives us one. */
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { issueLeaf, makeAuthority, type Life, type PemPair } from './issue.ts';

export type { PemPair } from './issue.ts';

const dayMilliseconds = 86_400_000;
/** Lifetimes: the CA outlives many leaves, so that a trusted `ca.crt` stays trusted. */
const caDays = 3650;
const leafDays = 365;
/** A certificate is replaced when less than this share of its life is left. */
const renewShare = 1 / 3;
/** Clocks differ: certificates are valid from a little before they were made. */
const skewMilliseconds = 5 * 60_000;

/**
 * Returns the serving pair kept in a folder (`ca.crt`, `ca.key`, `tls.crt`, `tls.key`), making what is missing, unreadable, near
 * its end, or for other names. Files are written whole; keys are readable by their owner only. Of processes that find something to make at
 * the same time one makes it and the others take it.
 *
 * @throws Error when the folder cannot be written and holds nothing that is still valid.
 */
export async function ensureSelfMadePair(
  folder: string,
  names: readonly string[],
  now: number,
): Promise<PemPair> {
  if (names.length === 0)
    throw new Error(
      'tlsNames is empty: a certificate for nobody; name at least one host, or give tlsCertFile and tlsKeyFile',
    );
  const kept = await readKept(folder, names, now);
  if (kept.leaf !== undefined) return kept.leaf;
  try {
    await mkdir(folder, { recursive: true });
    return await withLock(join(folder, '.making'), () => makeMissing(folder, names, now));
  } catch (error) {
    if (kept.aging !== undefined) return kept.aging;
    throw new Error(
      `cannot keep certificates in ${folder} (certDirectory): ${error instanceof Error ? error.message : String(error)}; make it writable, or give tlsCertFile and tlsKeyFile`,
      { cause: error },
    );
  }
}

function lifeOf(days: number, now: number): Life {
  return { from: now - skewMilliseconds, to: now + days * dayMilliseconds };
}

/** What is kept and still good; half of a pair is nothing. `aging` is a serving pair that should be replaced and can still serve. */
interface Kept {
  readonly ca: PemPair | undefined;
  readonly leaf: PemPair | undefined;
  readonly aging: PemPair | undefined;
}

async function readKept(folder: string, names: readonly string[], now: number): Promise<Kept> {
  const [ca, leaf] = await Promise.all([readPair(folder, 'ca'), readPair(folder, 'tls')]);
  const isServed = isValid(ca, now, 0) && isValid(leaf, now, 0) && isLeafFor(leaf, ca, names);
  const freshCa = isValid(ca, now, renewShare) ? ca : undefined;
  return {
    ca: freshCa,
    leaf: isServed && freshCa !== undefined && isValid(leaf, now, renewShare) ? leaf : undefined,
    aging: isServed ? leaf : undefined,
  };
}

async function makeMissing(folder: string, names: readonly string[], now: number): Promise<PemPair> {
  const kept = await readKept(folder, names, now);
  if (kept.leaf !== undefined) return kept.leaf;
  const ca = kept.ca ?? (await makeAuthority(lifeOf(caDays, now)));
  const leaf = await issueLeaf(ca, names, lifeOf(leafDays, now));
  if (kept.ca === undefined) await writePair(folder, 'ca', ca);
  await writePair(folder, 'tls', leaf);
  return leaf;
}

/** Making takes under a second; a lock older than this was left by a process that died. */
const lockMilliseconds = 15_000;
const lockPollMilliseconds = 50;

/** Runs `work` while no other process runs its own under the same lock, a folder: making one is atomic everywhere. */
async function withLock<T>(lock: string, work: () => Promise<T>): Promise<T> {
  for (let waited = 0; !(await tryLock(lock)); waited += lockPollMilliseconds) {
    if (waited > 2 * lockMilliseconds) throw new Error(`${lock} is in the way; remove it`);
    await setTimeout(lockPollMilliseconds);
  }
  try {
    return await work();
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
}

async function tryLock(lock: string): Promise<boolean> {
  try {
    await mkdir(lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const made = await stat(lock).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
  if (made !== undefined && Date.now() - made > lockMilliseconds)
    await rm(lock, { recursive: true, force: true });
  return false;
}

async function readPair(folder: string, name: string): Promise<PemPair | undefined> {
  try {
    const [cert, key] = await Promise.all([
      readFile(join(folder, `${name}.crt`), 'utf8'),
      readFile(join(folder, `${name}.key`), 'utf8'),
    ]);
    return { cert, key };
  } catch {
    return undefined;
  }
}

/** Tells whether a pair belongs together and has more than `share` of its life left. */
function isValid(pair: PemPair | undefined, now: number, share: number): pair is PemPair {
  try {
    const certificate = new X509Certificate(pair?.cert ?? '');
    if (!certificate.checkPrivateKey(createPrivateKey(pair?.key ?? ''))) return false;
    const { validFromDate, validToDate } = certificate;
    const life = validToDate.getTime() - validFromDate.getTime();
    return now >= validFromDate.getTime() && now < validToDate.getTime() - life * share;
  } catch {
    return false;
  }
}

function isLeafFor(leaf: PemPair, ca: PemPair, names: readonly string[]): boolean {
  const cert = new X509Certificate(leaf.cert);
  const dnsNames = new Set((cert.subjectAltName ?? '').split(', '));
  const isNamed = (name: string): boolean =>
    isIP(name) === 0 ? dnsNames.has(`DNS:${name}`) : cert.checkIP(name) !== undefined;
  return cert.verify(new X509Certificate(ca.cert).publicKey) && names.every(isNamed);
}

/** A rename is atomic: whoever reads sees a whole old file or a whole new one. */
async function writePair(folder: string, name: string, pair: PemPair): Promise<void> {
  const suffix = `.${randomBytes(6).toString('hex')}`;
  for (const [file, text, mode] of [
    [`${name}.key`, pair.key, 0o600],
    [`${name}.crt`, pair.cert, 0o644],
  ] as const) {
    const target = join(folder, file);
    await writeFile(target + suffix, text, { mode });
    await rename(target + suffix, target);
  }
}
