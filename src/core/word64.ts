/** 64 bits in two halves of 32, each with a sign: a BigInt for each step would cost ten times as much. */
export class Word64 {
  high: number;
  low: number;

  constructor(high: number, low: number) {
    this.high = high | 0;
    this.low = low | 0;
  }

  add(high: number, low: number): this {
    const sum = (this.low >>> 0) + (low >>> 0);
    this.high = (this.high + high + (sum > 0xffffffff ? 1 : 0)) | 0;
    this.low = sum | 0;
    return this;
  }

  multiply(high: number, low: number): this {
    // 16 × 16 bits at a time, which integers hold.
    const lower = this.low & 0xffff;
    const upper = this.low >>> 16;
    const below = low & 0xffff;
    const above = low >>> 16;
    const first = Math.imul(lower, below);
    const second = Math.imul(upper, below) + (first >>> 16);
    const third = Math.imul(lower, above) + (second & 0xffff);
    const carried = Math.imul(upper, above) + (second >>> 16) + (third >>> 16);
    this.high = (Math.imul(this.high, low) + Math.imul(this.low, high) + carried) | 0;
    this.low = (third << 16) | (first & 0xffff);
    return this;
  }

  xor(high: number, low: number): this {
    this.high ^= high;
    this.low ^= low;
    return this;
  }

  /** By 1 to 31 bits. */
  rotate(bits: number): this {
    const { high, low } = this;
    this.high = (high << bits) | (low >>> (32 - bits));
    this.low = (low << bits) | (high >>> (32 - bits));
    return this;
  }

  /** Itself XOR itself shifted to the right, by 1 to 63 bits. */
  fold(bits: number): this {
    const { high, low } = this;
    if (bits >= 32) return this.xor(0, high >>> (bits - 32));
    return this.xor(high >>> bits, (low >>> bits) | (high << (32 - bits)));
  }

  toBigInt(): bigint {
    return (BigInt(this.high >>> 0) << 32n) | BigInt(this.low >>> 0);
  }

  static of(value: bigint): Word64 {
    return new Word64(Number((value >> 32n) & 0xffffffffn), Number(value & 0xffffffffn));
  }
}
