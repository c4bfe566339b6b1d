// `process.getBuiltinModule` for Node 20.11, which came with 20.16; package.json asks for 20.19.
process.getBuiltinModule ??= require;
