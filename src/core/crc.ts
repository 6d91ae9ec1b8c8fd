import { bytesOf } from './utf8.ts';

const table16 = /* @__PURE__ */ Uint16Array.from({ length: 256 }, (_, byte) => {
  let register = byte << 8;
  for (let bit = 0; bit < 8; bit++) register = (register << 1) ^ (register & 0x8000 ? 0x1021 : 0);
  return register;
});

const table32 = /* @__PURE__ */ Int32Array.from({ length: 256 }, (_, byte) => {
  let register = byte;
  for (let bit = 0; bit < 8; bit++) register = (register >>> 1) ^ (register & 1 ? 0xedb88320 : 0);
  return register;
});

/** CRC-16/XMODEM: polynomial 0x1021, begun at 0, not reflected. What Redis Cluster makes its slots of. */
export function crc16(data: string | Uint8Array): number {
  const bytes = bytesOf(data);
  let register = 0;
  for (let i = 0; i < bytes.length; i++) {
    register = ((register << 8) & 0xffff) ^ (table16[(register >>> 8) ^ (bytes[i] as number)] as number);
  }
  return register;
}

/** CRC-32 of Ethernet, gzip and PNG (IEEE 802.3), without a sign; the seed changes the register it begins with. */
export function crc32(data: string | Uint8Array, seed = 0): number {
  const bytes = bytesOf(data);
  let register = ~seed;
  for (let i = 0; i < bytes.length; i++) {
    register = (register >>> 8) ^ (table32[(register ^ (bytes[i] as number)) & 0xff] as number);
  }
  return ~register >>> 0;
}
