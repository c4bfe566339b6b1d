/** One call to a file or to memory, in both forms, so that reading and writing are spelled once for both. */
interface Call {
  sync(): unknown;
  async(): Promise<unknown>;
}

/** Work that asks for calls and gets their results. */
export type Task<T> = Generator<Call, T, unknown>;

export function* call<T>(sync: () => T, async: () => Promise<T> = async () => sync()): Task<T> {
  return (yield { sync, async }) as T;
}

export function runSync<T>(task: Task<T>): T {
  let next = task.next();
  while (!next.done) {
    let result: unknown;
    try {
      result = next.value.sync();
    } catch (error) {
      next = task.throw(error);
      continue;
    }
    next = task.next(result);
  }
  return next.value;
}

export async function runAsync<T>(task: Task<T>): Promise<T> {
  let next = task.next();
  while (!next.done) {
    let result: unknown;
    try {
      result = await next.value.async();
    } catch (error) {
      next = task.throw(error);
      continue;
    }
    next = task.next(result);
  }
  return next.value;
}
