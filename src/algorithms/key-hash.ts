import type { Random } from '../core/random.ts';

/** Characters of a string that count: the first and the last of them, where there are more. */
const mostCharacters = 1_024;

/**
 * Hashes of keys of any kind, as `Map` tells them apart: equal keys have equal hashes. Seeded by chance, so that nobody can
 * know beforehand which keys collide; if some do, nothing is lost but what a sketch can tell of them.
 */
export class KeyHash {
  private readonly seed: number;
  /** Odd, so that multiplying by it loses nothing. */
  private readonly factor: number;
  private readonly double: Float64Array = new Float64Array(1);
  private readonly halves: Int32Array = new Int32Array(this.double.buffer);
  private objects: WeakMap<object, number> | undefined = undefined;
  private count: number = 0;

  constructor(random: Random) {
    this.seed = (random() * 2 ** 32) | 0;
    this.factor = (random() * 2 ** 32) | 1;
  }

  /** @returns 32 bits, with a sign */
  of(key: unknown): number {
    if (typeof key === 'string') return this.ofString(key);
    if (typeof key === 'number') return this.ofNumber(key);
    if ((typeof key === 'object' && key !== null) || typeof key === 'function') return this.ofObject(key);
    return this.ofString(String(key));
  }

  private ofString(text: string): number {
    const { factor } = this;
    const { length } = text;
    let hash = this.seed ^ length;
    const head = length <= mostCharacters ? length : mostCharacters / 2;
    for (let i = 0; i < head; i++) hash = this.mixed(hash ^ text.charCodeAt(i), factor);
    for (let i = Math.max(head, length - mostCharacters / 2); i < length; i++) {
      hash = this.mixed(hash ^ text.charCodeAt(i), factor);
    }
    return this.finished(hash);
  }

  private ofNumber(value: number): number {
    const whole = value | 0;
    if (whole === value) return this.finished(this.mixed(whole ^ this.seed, this.factor));
    this.double[0] = value;
    const low = this.mixed((this.halves[0] as number) ^ this.seed, this.factor);
    return this.finished(this.mixed(low ^ (this.halves[1] as number), this.factor));
  }

  private ofObject(key: object): number {
    this.objects ??= new WeakMap();
    let id = this.objects.get(key);
    if (id === undefined) {
      id = ++this.count;
      this.objects.set(key, id);
    }
    // No whole number, whose hash some other key has.
    return this.ofNumber(id + 0.5);
  }

  private mixed(hash: number, factor: number): number {
    const product = Math.imul(hash, factor);
    return product ^ (product >>> 15);
  }

  private finished(hash: number): number {
    let mixed = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
    return mixed ^ (mixed >>> 16);
  }
}
