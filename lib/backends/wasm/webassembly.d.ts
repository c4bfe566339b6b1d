// What is used of WebAssembly, whose types TypeScript has only among a browser's.
declare namespace WebAssembly {
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number; shared?: boolean });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }

  class Table {
    get(index: number): ((...args: number[]) => number) | null;
  }

  class Global {
    readonly value: number;
  }

  class Module {
    constructor(bytes: Uint8Array);
    static imports(module: Module): unknown[];
    static exports(module: Module): { name: string; kind: string }[];
  }

  class Instance {
    constructor(module: Module);
    readonly exports: Readonly<Record<string, unknown>>;
  }
}
