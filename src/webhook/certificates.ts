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

/** The settings that say which pair to serve, and whose certificates callers must show. */
export type CertificateSettings = Pick<
  Settings,
  'tlsCertFile' | 'tlsKeyFile' | 'certDirectory' | 'tlsNames' | 'clientCaFile'
>;

/** A source of what TLS needs. */
export interface Certificates {
  readonly current: ServingPair;
  /** PEM of the CA of callers; undefined when none is asked for. */
  readonly clientCa: string | undefined;
  /** PEM file of the CA that callers need to trust us, when we made it. */
  readonly caFile: string | undefined;
  /** Looks for other files now. @returns whether there is something new; throws nothing: what cannot serve is reported and the old stays. */
  refresh(now: number): Promise<boolean>;
}

/** What happened to the files; each distinct refusal is reported once. */
export type CertificateReport = (event: {
  readonly outcome: 'loaded' | 'refused';
  readonly message: string;
}) => void;

/** What the files hold at one moment. */
interface Material {
  readonly pair: ServingPair;
  readonly clientCa: string | undefined;
}

/**
 * Reads a pair and checks that it can serve: the key is the certificate's, the leaf names somebody and is valid now.
 *
 * @throws Error that says why it cannot.
 */
export function checkPair(cert: string, key: string, now: number): ServingPair {
  const leaf = new X509Certificate(cert);
  if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error("the key is not the certificate's");
  if (leaf.subjectAltName === undefined)
    throw new Error('the certificate has no subject alternative name, so the API server would not accept it');
  const pair = { cert, key, expires: leaf.validToDate.getTime() };
  if (now < leaf.validFromDate.getTime())
    throw new Error(`the certificate is not valid before ${leaf.validFrom}`);
  if (now >= pair.expires) throw new Error(`the certificate expired on ${leaf.validTo}`);
  createSecureContext({ cert, key });
  return pair;
}

/**
 * Opens the files that settings name, or makes a pair when they name none.
 *
 * @throws Error when there is nothing usable to start with.
 */
export async function openCertificates(
  settings: CertificateSettings,
  now: number,
  report: CertificateReport,
): Promise<Certificates> {
  let current = await load(settings, now);
  let lastRefusal = '';
  return {
    get current() {
      return current.pair;
    },
    get clientCa() {
      return current.clientCa;
    },
    caFile: settings.tlsCertFile === '' ? `${settings.certDirectory}/ca.crt` : undefined,
    async refresh(at: number): Promise<boolean> {
      try {
        const next = await load(settings, at);
        lastRefusal = '';
        if (isSame(next, current)) return false;
        current = next;
        report({
          outcome: 'loaded',
          message: `serving new certificate files, valid until ${new Date(next.pair.expires).toISOString()}`,
        });
        return true;
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        if (message !== lastRefusal)
          report({ outcome: 'refused', message: `the old certificate stays: ${message}` });
        lastRefusal = message;
        return false;
      }
    },
  };
}

async function load(settings: CertificateSettings, now: number): Promise<Material> {
  const { tlsCertFile, tlsKeyFile, certDirectory, tlsNames, clientCaFile } = settings;
  const pair =
    tlsCertFile === '' ? loadSelfMade(certDirectory, tlsNames, now) : loadGiven(tlsCertFile, tlsKeyFile, now);
  return { pair: await pair, clientCa: clientCaFile === '' ? undefined : await readClientCa(clientCaFile) };
}

function isSame(a: Material, b: Material): boolean {
  return a.pair.cert === b.pair.cert && a.pair.key === b.pair.key && a.clientCa === b.clientCa;
}

async function loadSelfMade(folder: string, names: readonly string[], now: number): Promise<ServingPair> {
  const { ensureSelfMadePair } = await import('./self-made.ts');
  const { cert, key } = await ensureSelfMadePair(folder, names, now);
  return checkPair(cert, key, now);
}

/** Both files are read anew each time; of a pair whose files change at different moments the half is refused, and the whole is taken at the next look. */
async function loadGiven(certFile: string, keyFile: string, now: number): Promise<ServingPair> {
  try {
    const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
    return checkPair(cert, key, now);
  } catch (error) {
    throw new Error(
      `${certFile} and ${keyFile} (tlsCertFile, tlsKeyFile) are no pair to serve: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

/** Reads the CA of callers. @throws Error that says why it is none. */
export async function readClientCa(file: string): Promise<string> {
  try {
    const pem = await readFile(file, 'utf8');
    if (!new X509Certificate(pem).ca) throw new Error("the certificate is not a CA's");
    return pem;
  } catch (error) {
    throw new Error(
      `${file} (clientCaFile) is no CA: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}
