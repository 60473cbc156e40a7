// The certificates on the firmware's lists, read out of them: EFI_SIGNATURE_LIST of the UEFI specification.
import { identityOf, parseCertificate } from './certificate.ts';
import type { Enrolment, FirmwareLists } from './machine.ts';
import type { Certificate } from './signing.ts';

export interface Listed {
  readonly certificates: readonly { readonly certificate: Certificate; readonly enrolment: Enrolment }[];
  /** There is none besides. */
  readonly isAll: boolean;
}

/** EFI_CERT_X509_GUID, as it lies in memory. What is of another type, as the checksums of programs, signs nothing. */
const X509 = 'a159c0a5e494a74a87b5ab155c2bf072';
/** Type, size of the list, of its header, and of each entry; each of these begins with its owner. */
const HEAD = 28;
const OWNER = 16;
/** Of a variable of the firmware's, which its files begin with; the kernel's own copies do not. */
const ATTRIBUTES = 4;

export function listedCertificates(lists: FirmwareLists | undefined): Listed {
  if (lists === undefined) return { certificates: [], isAll: false };
  let isAll = !lists.hidden;
  const read = (contents: readonly Buffer[], enrolment: Enrolment): Listed['certificates'] =>
    contents.flatMap((content) => {
      const found = (entriesOf(content.subarray(ATTRIBUTES)) ?? entriesOf(content))?.map(parseCertificate);
      isAll &&= found?.every((one) => one !== undefined) === true;
      return (found ?? []).flatMap((one) =>
        one === undefined ? [] : [{ certificate: identityOf(one), enrolment }],
      );
    });
  const certificates = [
    ...read(lists.owners, 'enrolled'),
    ...read(lists.firmware, 'firmware'),
    ...read(lists.pending, 'pending'),
  ];
  return { certificates, isAll };
}

/** The certificates of lists that follow each other; undefined where that is not what they are. */
function entriesOf(lists: Buffer): Buffer[] | undefined {
  const found: Buffer[] = [];
  let at = 0;
  while (at < lists.length) {
    if (lists.length - at < HEAD) return undefined;
    const [size, header, entry] = [16, 20, 24].map((offset) => lists.readUInt32LE(at + offset)) as [
      number,
      number,
      number,
    ];
    const end = at + size;
    if (size < HEAD + header || end > lists.length || entry <= OWNER) return undefined;
    const isCertificate = lists.toString('hex', at, at + 16) === X509;
    for (let start = at + HEAD + header; isCertificate && start + entry <= end; start += entry) {
      found.push(lists.subarray(start + OWNER, start + entry));
    }
    at = end;
  }
  return found;
}
