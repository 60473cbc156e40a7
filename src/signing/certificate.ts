// Reads certificates: what identifies a key in public. What is beside one in a file, a private key, is never kept.
import type { HostFs } from '../host/fs.ts';
import type { Certificate } from './signing.ts';

export interface ReadCertificate extends Certificate {
  /** As it stands in the firmware's lists. */
  readonly raw: Buffer;
}

/** A certificate as DER or PEM; undefined where the file holds none. */
export function readCertificate(fs: HostFs, path: string): ReadCertificate | undefined {
  const content = fs.readBytes(path);
  if (content === undefined) return undefined;
  // A file with key and certificate begins with either.
  const pem = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/.exec(content.toString('latin1'));
  return parseCertificate(pem?.[0] ?? content);
}

/** Undefined where it is none. */
export function parseCertificate(content: Buffer | string): ReadCertificate | undefined {
  const { X509Certificate, createHash } = process.getBuiltinModule('node:crypto');
  try {
    const { raw, serialNumber, issuer, subject } = new X509Certificate(content);
    return {
      raw,
      hash: createHash('sha256').update(raw).digest('hex'),
      serial: plainSerial(serialNumber),
      issuer: commonName(issuer),
      subject: commonName(subject),
    };
  } catch {
    return undefined;
  }
}

export function identityOf(certificate: ReadCertificate): Certificate;
export function identityOf(certificate: ReadCertificate | undefined): Certificate | undefined;
export function identityOf(certificate: ReadCertificate | undefined): Certificate | undefined {
  if (certificate === undefined) return undefined;
  const { raw: _, ...identity } = certificate;
  return identity;
}

/** Node.js writes `0A1B`. */
function plainSerial(text: string): string {
  return text.toLowerCase().replace(/^0+/, '');
}

function commonName(name: string | undefined): string {
  return /^CN=(.*)$/m.exec(name ?? '')?.[1] ?? (name ?? '').replaceAll('\n', ', ');
}
