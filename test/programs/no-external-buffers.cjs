// The add-on as it is where a runtime forbids buffers over memory that is not its own, as Electron does.
const binding = require(process.env.RMSPROP_TEST_BINDING);
module.exports = { ...binding, allocate: () => undefined };
