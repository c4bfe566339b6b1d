// Prints one list of native/build.json, for binding.gyp: node scripts/build-list.cjs KEY [KEY ...]
// Lists print an item a line. CMakeLists.txt reads the same file with CMake's own JSON parser.
const list = require("../native/build.json");
const value = process.argv.slice(2).reduce((node, key) => node[key], list);
if (value === undefined) throw new Error(`native/build.json has no ${process.argv.slice(2).join(" ")}.`);
console.log([value].flat().join("\n"));
