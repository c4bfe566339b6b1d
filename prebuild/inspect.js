// What a binary asks of the system that loads it, read from the file itself: ELF, Mach-O or PE.

/**
 * @typedef {object} Binary
 * @property {string[]} libraries What it needs to be loaded.
 * @property {string[]} exports
 * @property {string[]} imports Symbols that others must have.
 * @property {string[]} weak Those among them that nobody needs to have. ELF only.
 * @property {string[]} unversioned Those of which no version is asked for. ELF only.
 * @property {string[]} versions Versions of symbols that it asks for, as GLIBC_2.17. ELF only.
 * @property {string | undefined} system The oldest system, where the file says it.
 * @property {Buffer} code
 */

const textAt = (bytes, at) => bytes.toString("latin1", at, bytes.indexOf(0, at));

/** @returns {Binary} */
function readElf(bytes) {
  const wide = bytes[4] === 2;
  const word = (at) => (wide ? Number(bytes.readBigUInt64LE(at)) : bytes.readUInt32LE(at));
  const start = word(wide ? 40 : 32);
  const size = bytes.readUInt16LE(wide ? 58 : 46);
  const count = bytes.readUInt16LE(wide ? 60 : 48);
  const sections = Array.from({ length: count }, (_, i) => {
    const at = start + i * size;
    return {
      type: bytes.readUInt32LE(at + 4),
      flags: word(at + 8),
      offset: word(at + (wide ? 24 : 16)),
      size: word(at + (wide ? 32 : 20)),
      link: bytes.readUInt32LE(at + (wide ? 40 : 24)),
    };
  });
  const found = (type) => sections.find((section) => section.type === type);
  const [dynamic, symbols, needs, versionsOf] = [6, 11, 0x6ffffffe, 0x6fffffff].map(found);
  const strings = sections[symbols.link].offset;

  const libraries = [];
  const step = wide ? 8 : 4;
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 2 * step) {
    if (word(at) === 1) libraries.push(textAt(bytes, strings + word(at + step)));
  }
  const [exports, imports, weak, unversioned] = [[], [], [], []];
  const entry = wide ? 24 : 16;
  for (let i = 1; i < symbols.size / entry; i++) {
    const at = symbols.offset + i * entry;
    const name = textAt(bytes, strings + bytes.readUInt32LE(at));
    if (bytes.readUInt16LE(at + (wide ? 6 : 14)) !== 0) {
      exports.push(name);
      continue;
    }
    imports.push(name);
    if (bytes[at + (wide ? 4 : 12)] >> 4 === 2) weak.push(name);
    // 0 and 1 are no versions of a library.
    if (!versionsOf || bytes.readUInt16LE(versionsOf.offset + 2 * i) < 2) unversioned.push(name);
  }
  const versions = [];
  for (let at = needs?.offset; at !== undefined; ) {
    for (let i = 0, aux = at + bytes.readUInt32LE(at + 8); i < bytes.readUInt16LE(at + 2); i++) {
      versions.push(textAt(bytes, strings + bytes.readUInt32LE(aux + 8)));
      aux += bytes.readUInt32LE(aux + 12);
    }
    const next = bytes.readUInt32LE(at + 12);
    at = next === 0 ? undefined : at + next;
  }
  // Sections with the program's own bits that are loaded and executed.
  const code = sections.filter(({ type, flags }) => type === 1 && (flags & 6) === 6);
  const contents = code.map(({ offset, size }) => bytes.subarray(offset, offset + size));
  const lists = { libraries, exports, imports, weak, unversioned, versions };
  return { ...lists, system: undefined, code: Buffer.concat(contents) };
}

/** @returns {Binary} */
function readMachO(bytes) {
  const binary = {
    ...{ libraries: [], exports: [], imports: [], weak: [], unversioned: [], versions: [], system: undefined },
    code: bytes,
  };
  const count = bytes.readUInt32LE(16);
  for (let i = 0, at = 32; i < count; i++, at += bytes.readUInt32LE(at + 4)) {
    const command = bytes.readUInt32LE(at);
    const field = (offset) => bytes.readUInt32LE(at + offset);
    if (command === 0xc) {
      binary.libraries.push(textAt(bytes, at + field(8)));
    } else if (command === 0x2) {
      for (let s = 0, symbol = field(8); s < field(12); s++, symbol += 16) {
        const name = textAt(bytes, field(16) + bytes.readUInt32LE(symbol)).replace(/^_/, "");
        const type = bytes[symbol + 4];
        if ((type & 0xe0) === 0 && (type & 1) === 1) ((type & 0xe) === 0 ? binary.imports : binary.exports).push(name);
      }
    } else if (command === 0x32) {
      binary.system = `macOS ${field(12) >>> 16}.${(field(12) >>> 8) & 255}`;
    } else if (command === 0x19 && textAt(bytes, at + 8) === "__TEXT") {
      const offset = Number(bytes.readBigUInt64LE(at + 40));
      binary.code = bytes.subarray(offset, offset + Number(bytes.readBigUInt64LE(at + 48)));
    }
  }
  return binary;
}

/** @returns {Binary} */
function readPe(bytes) {
  const pe = bytes.readUInt32LE(60);
  const optional = pe + 24;
  const sections = Array.from({ length: bytes.readUInt16LE(pe + 6) }, (_, i) => {
    const at = optional + bytes.readUInt16LE(pe + 20) + 40 * i;
    const [address, size, offset] = [12, 16, 20].map((field) => bytes.readUInt32LE(at + field));
    return { name: bytes.toString("latin1", at, at + 8).replace(/\0+$/, ""), address, size, offset };
  });
  const inFile = (address) => {
    const section = sections.find((s) => address >= s.address && address < s.address + s.size);
    return section.offset + address - section.address;
  };
  const directory = (index) => bytes.readUInt32LE(optional + 112 + 8 * index);
  const exportsAt = inFile(directory(0));
  const names = inFile(bytes.readUInt32LE(exportsAt + 32));
  const exports = Array.from({ length: bytes.readUInt32LE(exportsAt + 24) }, (_, i) =>
    textAt(bytes, inFile(bytes.readUInt32LE(names + 4 * i))),
  );
  const [libraries, imports] = [[], []];
  for (let at = inFile(directory(1)); bytes.readUInt32LE(at + 12) !== 0; at += 20) {
    libraries.push(textAt(bytes, inFile(bytes.readUInt32LE(at + 12))));
    for (let slot = inFile(bytes.readUInt32LE(at)); ; slot += 8) {
      const entry = bytes.readBigUInt64LE(slot);
      if (entry === 0n) break;
      if (entry >> 63n === 0n) imports.push(textAt(bytes, inFile(Number(entry)) + 2));
    }
  }
  const text = sections.find(({ name }) => name === ".text");
  return {
    libraries,
    exports,
    imports,
    weak: [],
    unversioned: [],
    versions: [],
    system: `Windows ${bytes.readUInt16LE(optional + 48)}.${bytes.readUInt16LE(optional + 50)}`,
    code: bytes.subarray(text.offset, text.offset + text.size),
  };
}

/**
 * @param {Buffer} bytes
 * @returns {Binary}
 */
export function inspect(bytes) {
  if (bytes.readUInt32BE(0) === 0x7f454c46) return readElf(bytes);
  if (bytes.readUInt32LE(0) === 0xfeedfacf) return readMachO(bytes);
  if (bytes.toString("latin1", 0, 2) === "MZ") return readPe(bytes);
  throw new Error("Expected an ELF, Mach-O or PE file.");
}

// The encodings of a division of whole vectors, or on VFP of one number, by the manuals of the processors.
const isScalar = (prefix) => prefix === 0xf2 || prefix === 0xf3;
const isSse = (code, i) =>
  code[i] === 0x0f &&
  code[i + 1] === 0x5e &&
  !isScalar(code[i - 1]) &&
  !((code[i - 1] & 0xf0) === 0x40 && isScalar(code[i - 2]));
const isVex = (code, i) =>
  (code[i] === 0xc5 && (code[i + 1] & 6) === 4 && code[i + 2] === 0x5e) ||
  (code[i] === 0xc4 && (code[i + 1] & 31) === 1 && (code[i + 2] & 6) === 4 && code[i + 3] === 0x5e);
const isEvex = (code, i) => code[i] === 0x62 && (code[i + 3] & 0x60) === 0x40 && code[i + 4] === 0x5e;
const word = (mask, bits) => (code, i) => i % 4 === 0 && (code.readUInt32LE(i) & mask) >>> 0 === bits;

const divisions = {
  sse2: isSse,
  avx2: isVex,
  avx512: isEvex,
  neon: word(0xffa0fc00, 0x6e20fc00),
  vfp: word(0x0fb00e50, 0x0e800a00),
};

/**
 * @param {Buffer} code
 * @param {string} isa
 * @returns {number} How many divisions of this instruction set it holds.
 */
export function countDivisions(code, isa) {
  const matches = divisions[isa];
  let count = 0;
  for (let i = 0; i + 8 <= code.length; i++) if (matches(code, i)) count++;
  return count;
}
