/** What of the package is used: its published types would bring those of Node into every file. */
declare module 'dns-packet' {
  export const RECURSION_DESIRED: number;
  export function encode(packet: object): Uint8Array;
  export function streamEncode(packet: object): Uint8Array;
  export function decode(bytes: Uint8Array): unknown;
}
