/**
 * Deals a flow its hand: `handSize` different queues out of `queues`, from a hash of 64 bits in two halves. Two flows
 * may share some queues; that they share all is rare: with 8 out of 64, one in 4.4 thousand million.
 *
 * The hash is read as a number with mixed radix. Its digits, below `queues`, `queues - 1` and so on, say which of the
 * queues that are left is next, so that each hand is dealt from as many hashes as any other. (Shuffle sharding: Colm
 * MacCárthaigh, 2014. The rule of dealing is that of Kubernetes API Priority and Fairness, KEP-1040.)
 */
export function dealHand(high: number, low: number, queues: number, handSize: number): number[] {
  const digits: number[] = [];
  const hand: number[] = [];
  for (let left = queues; left > queues - handSize; left--) {
    // A division of 64 bits in steps of at most 42: `left` has 26, and each step brings 16 more.
    const upper = (high % left) * 65_536 + (low >>> 16);
    const lower = (upper % left) * 65_536 + (low & 0xffff);
    high = Math.floor(high / left);
    low = Math.floor(upper / left) * 65_536 + Math.floor(lower / left);
    let queue = lower % left;
    for (let i = digits.length - 1; i >= 0; i--) if (queue >= (digits[i] as number)) queue++;
    digits.push(lower % left);
    hand.push(queue);
  }
  return hand;
}

/** How many bits of hash a deal takes: up to 60 it is even. */
export function bitsToDeal(queues: number, handSize: number): number {
  return Math.ceil(Math.log2(queues) * handSize);
}
