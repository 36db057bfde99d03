/** The serving pair: given, or made by us and kept in a folder; watched, checked, and swapped without dropping a connection. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Settings } from '../config/settings.ts';

/** A certificate chain and its key, as PEM, with what was read from the leaf. */
export interface ServingPair {
  readonly cert: string;
  readonly key: string;
  /** When the leaf stops being valid, in milliseconds since 1970. */
  readonly expires: number;
}

/** The settings that say which pair to serve. */
export type PairSettings = Pick<Settings, 'tlsCertFile' | 'tlsKeyFile' | 'certDirectory' | 'tlsNames'>;

/** A source of serving pairs. */
export interface Certificates {
  readonly current: ServingPair;
  /** PEM file of the CA that callers need to trust us, when we made it. */
  readonly caFile: string | undefined;
  /** Looks for another pair now. @returns whether there is a new one; throws nothing: a bad pair is reported and the old one stays. */
  refresh(now: number): Promise<boolean>;
}

/** What happened to the pair; each distinct refusal is reported once. */
export type CertificateReport = (event: { readonly outcome: 'loaded' | 'refused'; readonly message: string }) => void;

/**
 * Reads a pair and checks that it can serve: the key is the certificate's, the leaf names somebody and is valid now.
 *
 * @throws Error that says which file and why.
 */
export function checkPair(cert: string, key: string, now: number): ServingPair {
  const leaf = new X509Certificate(cert);
  if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error('the key is not the certificate\'s');
  if (leaf.subjectAltName === undefined) throw new Error('the certificate has no subject alternative name, so the API server would not accept it');
  if (now < leaf.validFromDate.getTime()) throw new Error(`the certificate is not valid before ${leaf.validFrom}`);
  if (now >= leaf.validToDate.getTime()) throw new Error(`the certificate expired on ${leaf.validTo}`);
  createSecureContext({ cert, key });
  return { cert, key, expires: leaf.validToDate.getTime() };
}

/**
 * Opens the pair that settings name, or makes one when they name none.
 *
 * @throws Error when there is no usable pair to start with.
 */
export async function openCertificates(settings: PairSettings, now: number, report: CertificateReport): Promise<Certificates> {
  const load = settings.tlsCertFile === ''
    ? async (at: number): Promise<ServingPair> => {
      const { ensureSelfMadePair } = await import('./self-made.ts');
      const made = await ensureSelfMadePair(settings.certDirectory, settings.tlsNames, at);
      return checkPair(made.cert, made.key, at);
    }
    : async (at: number): Promise<ServingPair> => loadGiven(settings.tlsCertFile, settings.tlsKeyFile, at);
  let current = await load(now);
  let lastRefusal = '';
  return {
    get current() {
      return current;
    },
    caFile: settings.tlsCertFile === '' ? `${settings.certDirectory}/ca.crt` : undefined,
    async refresh(at: number): Promise<boolean> {
      try {
        const next = await load(at);
        lastRefusal = '';
        if (next.cert === current.cert && next.key === current.key) return false;
        current = next;
        report({ outcome: 'loaded', message: `serving a new certificate, valid until ${new Date(next.expires).toISOString()}` });
        return true;
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        if (message !== lastRefusal) report({ outcome: 'refused', message: `the old certificate stays: ${message}` });
        lastRefusal = message;
        return false;
      }
    },
  };
}

async function loadGiven(certFile: string, keyFile: string, now: number): Promise<ServingPair> {
  const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
  try {
    return checkPair(cert, key, now);
  } catch (error) {
    throw new Error(`${certFile} and ${keyFile} are no pair to serve: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
