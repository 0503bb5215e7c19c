// What a scanned code says: the token of a plate, in whichever way it is written. Pure.

const ALPHABET = /^[0-9A-Z]{6,64}$/;

/** The token in the text of a QR code (`HTTPS://HOST/Q/TOKEN`), or in what somebody typed; "" when there is none. */
export function tokenIn(text: string): string {
  const plain = text.trim();
  const address = /^https?:\/\/[^/]+\/q\/([^/?#]+)/i.exec(plain);
  const token = (address?.[1] ?? plain).replace(/[\s-]/g, "").toUpperCase();
  return ALPHABET.test(token) ? token : "";
}
