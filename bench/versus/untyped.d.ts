declare module 'hashring' {
  export default class HashRing {
    constructor(servers: readonly string[], algorithm: string, options: { 'max cache size': number });
    get(key: string): string;
    add(server: string): void;
    remove(server: string): void;
  }
}

declare module 'consistent-hash' {
  export default class ConsistentHash {
    constructor(options: { weight: number; distribution: 'uniform' | 'random' });
    add(node: string): void;
    get(key: string): string;
  }
}
