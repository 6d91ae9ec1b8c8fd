/** The task of nearly all cases: an async function that resolves at once. */
export const task = async (): Promise<number> => 1;
export const syncTask = (): number => 1;
export const waitingTask = (): Promise<number> => new Promise((resolve) => setImmediate(resolve, 1));
export const hangingTask = (): Promise<never> => new Promise(() => {});

/** Made once: the making of an error and of its stack is no part of what is measured. */
export const failure = new Error('expected');
export const failingTask = (): Promise<never> => Promise.reject(failure);

let failures = 0;
async function failsTwice(): Promise<number> {
  if (failures-- > 0) throw failure;
  return 1;
}

/** `call` with a task that fails twice and then succeeds. */
export function failingTwice(call: (task: () => Promise<number>) => unknown): () => unknown {
  return () => {
    failures = 2;
    return call(failsTwice);
  };
}

/** The least that anyone would write to try thrice. */
export async function threeTries(task: () => Promise<number>): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await task();
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
}

export const crowd = 10_000;

/** As many calls at once as a crowd has, and the end of the last. */
export function crowded(call: () => Promise<unknown>): () => Promise<unknown> {
  return () => Promise.all(Array.from({ length: crowd }, call));
}
