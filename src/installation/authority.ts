/**
 * A CA of our own making that all replicas share, and how it is replaced without a handshake that fails:
 *
 * | step | signs | is trusted (`caBundle`) | goes on when |
 * |---|---|---|---|
 * | settled | A | A | a third of A's life is left, or a rotation is asked for |
 * | announced | A | A, B | B has been in every caBundle for the overlap |
 * | switched | B | B, A | the overlap again: every replica has another leaf by then |
 * | settled | B | B | |
 *
 * What is decided here is a function of its arguments; `now` is the API server's time, since it is the API server that looks at certificates.
 */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { labelsAt, objectAt, textAt, type JsonObject } from '../model/json.ts';
import { rotateAnnotation } from '../model/keys.ts';
import type { PemPair } from '../webhook/issue.ts';

/** The CA, the one that comes after it, and those before it that are still trusted. */
export interface Authority {
  readonly active: PemPair;
  readonly next: PemPair | undefined;
  /** PEM certificates, newest first. */
  readonly trusted: readonly string[];
  /** When the present step began, in milliseconds since 1970. */
  readonly since: number;
  /** The last value of the annotation that asks for a rotation. */
  readonly asked: string;
}

/** What a step may need. */
export interface StepSite {
  readonly now: number;
  readonly overlapMilliseconds: number;
  /** The annotation's value as it is now. */
  readonly asked: string;
  /** Whether every caBundle holds what {@link bundleOf} says. */
  readonly isPublished: boolean;
  readonly makeCa: () => Promise<PemPair>;
}

/** A CA is replaced when less than this share of its life is left. */
const renewShare = 1 / 3;

/** Returns the authority after what is due now; the same object when nothing is. */
export async function step(authority: Authority, site: StepSite): Promise<Authority> {
  const { now } = site;
  if (!isCurrent(authority.active.cert, now)) return replaceAtOnce(authority, site);
  // A time that is still to come was written under another clock.
  if (authority.since > now) return { ...authority, since: now };
  if (authority.next !== undefined)
    return whenOver(authority, site, site.isPublished, {
      ...authority,
      active: authority.next,
      next: undefined,
      trusted: [authority.active.cert, ...authority.trusted],
    });
  if (authority.trusted.length > 0) return whenOver(authority, site, true, { ...authority, trusted: [] });
  // An annotation that is taken away, or went with a deleted Secret, asks for nothing.
  const isAsked = site.asked !== '' && site.asked !== authority.asked;
  const isDue = isAsked || remainingShare(authority.active.cert, now) < renewShare;
  return isDue ? { ...authority, next: await site.makeCa(), since: now, asked: site.asked } : authority;
}

/** Nobody trusts the CA that signs any more, so there is nothing to wait for. */
async function replaceAtOnce(
  { active, next, trusted }: Authority,
  { now, asked, makeCa }: StepSite,
): Promise<Authority> {
  const successor = next !== undefined && isCurrent(next.cert, now) ? next : await makeCa();
  return {
    active: successor,
    next: undefined,
    trusted: [active.cert, ...trusted].filter((cert) => isCurrent(cert, now)),
    since: now,
    asked,
  };
}

function whenOver(
  authority: Authority,
  { now, overlapMilliseconds }: StepSite,
  mayGo: boolean,
  after: Authority,
): Authority {
  return mayGo && now - authority.since >= overlapMilliseconds ? { ...after, since: now } : authority;
}

/** Returns how to go on when somebody has put another CA into the Secret, from a backup perhaps: the one that signed so far does so until the other is trusted, as in any rotation. */
export function takeOver(stored: Authority, known: Authority | undefined, now: number): Authority {
  if (
    known === undefined ||
    !isCurrent(known.active.cert, now) ||
    bundleOf(stored).includes(bundleOf({ ...known, next: undefined, trusted: [] }))
  )
    return stored;
  return {
    active: known.active,
    next: stored.active,
    trusted: stored.trusted,
    since: now,
    asked: stored.asked,
  };
}

/** Returns what callers must trust, as PEM: the signing CA first. */
export function bundleOf({ active, next, trusted }: Authority): string {
  return [active.cert, ...(next === undefined ? [] : [next.cert]), ...trusted]
    .map((cert) => `${cert.trim().replaceAll('\r\n', '\n')}\n`)
    .join('');
}

/** Returns the certificates of a PEM text. */
export function splitPem(text: string): readonly string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
}

/** Tells whether a PEM certificate is a CA's and valid now; a text that is none is not. */
export function isCurrent(cert: string, now: number): boolean {
  try {
    const { ca, validFromDate, validToDate } = new X509Certificate(cert);
    return ca && now >= validFromDate.getTime() && now < validToDate.getTime();
  } catch {
    return false;
  }
}

/** Returns the share of its life that a certificate has left. */
export function remainingShare(cert: string, now: number): number {
  const { validFromDate, validToDate } = new X509Certificate(cert);
  return (validToDate.getTime() - now) / (validToDate.getTime() - validFromDate.getTime());
}

/** Returns the Secret that holds an authority; `before` is the one that it replaces. */
export function toSecret(
  authority: Authority,
  place: { readonly namespace: string; readonly name: string },
  before: unknown,
): JsonObject {
  const data = {
    'ca.crt': authority.active.cert,
    'ca.key': authority.active.key,
    ...(authority.next === undefined
      ? {}
      : { 'next.crt': authority.next.cert, 'next.key': authority.next.key }),
    'trusted.crt': authority.trusted.join('\n'),
    since: new Date(authority.since).toISOString(),
    asked: authority.asked,
  };
  const encoded = Object.fromEntries(
    Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  );
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: {
      labels: { 'app.kubernetes.io/part-of': 'branchline' },
      ...objectAt(before, 'metadata'),
      ...place,
    },
    data: encoded,
  };
}

/** Reads it back; undefined when it holds no CA and key that go together. */
export function fromSecret(secret: unknown): Authority | undefined {
  const read = (key: string): string => Buffer.from(textAt(secret, 'data', key) ?? '', 'base64').toString();
  const active = pairOf(read('ca.crt'), read('ca.key'));
  if (active === undefined) return undefined;
  return {
    active,
    next: pairOf(read('next.crt'), read('next.key')),
    trusted: splitPem(read('trusted.crt')),
    since: Date.parse(read('since')) || 0,
    asked: read('asked'),
  };
}

/** Returns what asks for a rotation. */
export function askedOf(secret: unknown): string {
  return labelsAt(secret, 'metadata', 'annotations')[rotateAnnotation] ?? '';
}

function pairOf(cert: string, key: string): PemPair | undefined {
  try {
    const certificate = new X509Certificate(cert);
    return certificate.ca && certificate.checkPrivateKey(createPrivateKey(key)) ? { cert, key } : undefined;
  } catch {
    return undefined;
  }
}
