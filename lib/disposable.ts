// `Symbol.dispose` and `Symbol.asyncDispose` for programs whose TypeScript has no lib of it: declarations that name them need none
// then. Where there is one, they are its own.
declare global {
  interface SymbolConstructor {
    readonly dispose: unique symbol;
    readonly asyncDispose: unique symbol;
  }
}

export {};
