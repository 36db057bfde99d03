/** Who may call: the TLS that we speak, and, when a client CA is given, whose certificate must be shown. */
import { constants } from 'node:crypto';
import { TLSSocket, type SecureContextOptions, type TlsOptions } from 'node:tls';
import type { ServingPair } from './certificates.ts';

/** Whose certificates are accepted; without a CA nobody is asked for one. */
export interface CallerPolicy {
  readonly ca: string | undefined;
  /** Common names or DNS names; empty: every certificate of the CA. */
  readonly names: readonly string[];
}

/** TLS 1.3, and of 1.2 what is forward secret and authenticated. */
const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** Makes the TLS options of the server; also what a new pair is swapped in with. A resumed session would skip the look at the caller's certificate, so there are no tickets then. */
export function secureContextOptions(
  { cert, key }: ServingPair,
  { ca }: CallerPolicy,
): SecureContextOptions & TlsOptions {
  return {
    cert,
    key,
    minVersion: 'TLSv1.2',
    ciphers,
    ALPNProtocols: ['http/1.1'],
    ...(ca === undefined
      ? {}
      : { ca, requestCert: true, rejectUnauthorized: true, secureOptions: constants.SSL_OP_NO_TICKET }),
  };
}

/** Tells whether the caller on a connection may post reviews. The chain was checked in the handshake; this is about the name. */
export function isAllowedCaller(socket: unknown, { ca, names }: CallerPolicy): boolean {
  if (ca === undefined || names.length === 0) return true;
  if (!(socket instanceof TLSSocket)) return false;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return false;
  const commonName = /^CN=(.*)$/m.exec(certificate.subject)?.[1];
  return names.some(
    (name) => name === commonName || certificate.checkHost(name, { subject: 'never' }) !== undefined,
  );
}
