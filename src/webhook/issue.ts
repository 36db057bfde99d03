/** Makes CAs and serving certificates. Keys by node:crypto, certificates by node-forge, which is loaded only when one is made. */
import { generateKeyPair, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';

/** PEM of a certificate and its key. */
export interface PemPair {
  readonly cert: string;
  readonly key: string;
}

/** When a certificate is valid: milliseconds since 1970. */
export interface Life {
  readonly from: number;
  readonly to: number;
}

const keyBits = 2048;

/** Makes a CA that signs leaves only. Its name is new each time, so that two of them are never mistaken for each other. */
export async function makeAuthority(life: Life): Promise<PemPair> {
  const name = [{ name: 'commonName', value: `branchline ${randomBytes(4).toString('hex')}` }];
  return sign({
    subject: name,
    life,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true, pathLenConstraint: 0 },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
      { name: 'subjectKeyIdentifier' },
    ],
  });
}

/** Makes a serving certificate for DNS names and IP addresses. */
export async function issueLeaf(ca: PemPair, names: readonly string[], life: Life): Promise<PemPair> {
  const { default: forge } = await import('node-forge');
  const caCert = forge.pki.certificateFromPem(ca.cert);
  const altNames = names.map((name) => (isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name }));
  return sign({
    subject: [{ name: 'commonName', value: 'branchline webhook' }],
    life,
    ca,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames },
      { name: 'subjectKeyIdentifier' },
      { name: 'authorityKeyIdentifier', keyIdentifier: caCert.generateSubjectKeyIdentifier().getBytes() },
    ],
  });
}

interface Wanted {
  readonly subject: { readonly name: string; readonly value: string }[];
  readonly extensions: object[];
  readonly life: Life;
  /** Who signs; the certificate itself when absent. */
  readonly ca?: PemPair;
}

async function sign({ subject, extensions, life, ca }: Wanted): Promise<PemPair> {
  const { default: forge } = await import('node-forge');
  const keys = await promisify(generateKeyPair)('rsa', {
    modulusLength: keyBits,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const cert = forge.pki.createCertificate();
  cert.publicKey = forge.pki.publicKeyFromPem(keys.publicKey);
  cert.serialNumber = makeSerial();
  cert.validity.notBefore = new Date(life.from);
  cert.validity.notAfter = new Date(life.to);
  cert.setSubject(subject);
  cert.setIssuer(ca === undefined ? subject : forge.pki.certificateFromPem(ca.cert).subject.attributes);
  cert.setExtensions(extensions);
  cert.sign(forge.pki.privateKeyFromPem(ca?.key ?? keys.privateKey), forge.md.sha256.create());
  return { cert: forge.pki.certificateToPem(cert), key: keys.privateKey };
}

/** Random, positive, and without the leading zero byte that strict readers (OpenSSL 3) take for bad DER: the first byte is from 0x40 to 0x7f. */
function makeSerial(): string {
  const [first = 0, ...rest] = randomBytes(16);
  return Buffer.from([0x40 | (first & 0x3f), ...rest]).toString('hex');
}
